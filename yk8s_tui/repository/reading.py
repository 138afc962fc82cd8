"""Reading `config.toml`: from bytes to a configuration, with every problem and its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from yk8s_tui.errors import ConfigError
from yk8s_tui.models import keys
from yk8s_tui.models.config import Config
from yk8s_tui.models.problems import Problem
from yk8s_tui.models.validation import check
from yk8s_tui.repository.lines import Layout, layout
from yk8s_tui.repository.migration import too_new

SYNTAX = "syntax"
"""Key of the problem that stands for text that is not TOML."""

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_SECRET = re.compile(r"passw|secret|token|private", re.IGNORECASE)
_SYNTAX_WORDS = (
    (
        "Expected '=' after a key",
        "an `=` is missing after the key",
        "write `key = value`; text belongs in quotes",
    ),
    ("Cannot overwrite a value", "this key is there twice", "keep one of the two"),
    ("Cannot declare", "this table is there twice", "put both parts under one header"),
    ("Cannot mutate immutable", "this table was closed before", "put all its keys under one header"),
    ("Unclosed array", "a list has no closing `]`", "add the bracket, and commas between the entries"),
    ("Unclosed inline table", "a table has no closing `}`", "add the brace"),
    ("Unterminated string", "a text has no closing quote", "add the quote at its end"),
    ("Illegal character '\\n'", "a text has no closing quote on its line", "add the quote at its end"),
    ("Invalid value", "this is not a value", 'text belongs in quotes ("…"), true and false are lower case'),
    ("Expected ']' at the end", "a table header has no closing `]`", "add the bracket: [name]"),
    ("Expected ']]' at the end", "a table header has no closing `]]`", "add the brackets: [[name]]"),
    (
        "Expected newline",
        "something follows the value on its line",
        "one key on each line; comments begin with #",
    ),
    ("Unescaped '\\'", "a backslash stands in a text", "write it twice, or put the text in single quotes"),
    (
        "Invalid statement",
        "this is no key, no table header and no comment",
        "write `key = value`, `[table]` or `# comment`",
    ),
    (
        "Invalid initial character for a key part",
        "this key is not a name",
        'letters, digits, - and _; others in quotes ("…")',
    ),
    ("Invalid hex value", "this is no character code", "\\u and 4 digits, or \\U and 8"),
)


_OF_ONE_LINE = tuple(
    words for start, words, _ in _SYNTAX_WORDS if start.startswith(("Expected '='", "Cannot overwrite", "Invalid value",
    "Illegal character", "Expected newline", "Unescaped"))
)  # fmt: skip
_PAIR = re.compile(r"\s*[A-Za-z0-9_.\"'-]+\s*(?:=|\s\w|$)")
MOST_SYNTAX_PROBLEMS = 20
"""After so many the file is something else than a configuration."""


@dataclass(frozen=True)
class Reading:
    """What a text says."""

    text: str
    config: Config | None
    """None when there is an error."""
    problems: tuple[Problem, ...]
    data: dict[str, Any] | None
    """The plain data; None when the text is not TOML."""


def read_text(path: Path) -> str:
    """The text of a configuration file; raises `ConfigError` when it is missing, torn or unreadable."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            "is missing",
            where=str(path),
            hint="`yk8s-tui init DIR --harbour …` makes a cluster repository; a lost file comes back with "
            "`git checkout -- config/config.toml`",
        ) from None
    except OSError as error:
        raise ConfigError(
            "cannot be read", where=str(path), why=error.strerror or str(error), hint=_unreadable_hint(path, error)
        ) from error
    if not content.strip(b"\0 \r\n\t") or b"\0" in content:
        raise ConfigError(
            "is empty" if not content.strip(b" \r\n\t") else "is torn: it has zero bytes where text should be",
            where=str(path),
            why="a crash or a full disk while something else wrote it leaves such files",
            hint="take the last committed state: `git checkout -- config/config.toml`",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"is not UTF-8 text (byte 0x{content[error.start]:02x} in line {line})",
            where=f"{path}:{line}",
            hint="save the file as UTF-8",
        ) from None


def _unreadable_hint(path: Path, error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "this must be a file, not a directory"
    return f"`ls -l {path}` shows whose it is; make it readable for you"


def examine(text: str, *, today: date | None = None) -> Reading:
    """Parse and check; never raises for what the text says."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return Reading(text, None, tuple(_syntax_problems(text)), None)
    except RecursionError:
        deep = Problem(key=SYNTAX, message="lists or tables are nested too deep", remedy="a few levels are enough")
        return Reading(text, None, (deep,), None)
    if newer := too_new(data, text):
        return Reading(text, None, (newer,), data)
    config, problems = check(data, today=today)
    places = layout(text)
    return Reading(text, config, tuple(_placed(p, places) for p in problems), data)


def _placed(problem: Problem, places: Layout) -> Problem:
    return problem.model_copy(update={"line": places.line_of(keys.split(problem.key)) if problem.key else 0})


def _syntax_problems(text: str) -> Iterator[Problem]:
    """The first error, and further ones behind it as long as a line can be left out without changing the others."""
    lines = text.split("\n")
    for _attempt in range(MOST_SYNTAX_PROBLEMS):
        try:
            tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError as error:
            problem = _syntax_problem("\n".join(lines), str(error))
        except RecursionError:
            return
        else:
            return
        yield problem
        if not problem.message.endswith(_OF_ONE_LINE) or not _PAIR.match(lines[problem.line - 1]):
            return
        lines[problem.line - 1] = ""


def _syntax_problem(text: str, said: str) -> Problem:
    match = _PLACE.search(said)
    lines = text.split("\n")
    line = int(match.group(1)) if match and match.group(1) else max(1, len(text.rstrip("\n").split("\n")))
    column = f"column {match.group(2)}: " if match and match.group(2) else "at the end of the file: "
    reason = said[: match.start()] if match else said
    if reason == "Invalid value" and match and match.group(2) and "=" not in lines[line - 1][: int(match.group(2)) - 1]:
        return _at_line(line, column + "a list that began above is still open", "add its closing `]` above", lines)
    for start, words, remedy in _SYNTAX_WORDS:
        if reason.startswith(start):
            return _at_line(line, column + words, remedy, lines)
    return _at_line(
        line, column + reason[:1].lower() + reason[1:], "see https://toml.io for how TOML is written", lines
    )


def _at_line(line: int, message: str, remedy: str, lines: list[str]) -> Problem:
    shown = lines[line - 1].strip() if line <= len(lines) else ""
    value = "(hidden)" if _SECRET.search(shown) else shown[:80]
    return Problem(key=SYNTAX, message=message, remedy=remedy, line=line, value=value)
