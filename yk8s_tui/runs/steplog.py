"""The full log of a step in the artifacts of its run, redacted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from yk8s_tui.runs.surroundings import Surroundings

LARGEST = 64 * 1024 * 1024
"""Bytes a step may log; more is dropped, and the log says so."""


class StepLog:
    """Appends lines; a full disk is told to the run once, and ends the log, not the program."""

    def __init__(self, path: Path, around: Surroundings) -> None:
        self._around = around
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._left = LARGEST
        self._ended = False

    def __enter__(self) -> StepLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def write(self, texts: Iterable[str]) -> None:
        """Append texts, each with a newline."""
        data = "".join(f"{self._around.redactor.text(text)}\n" for text in texts).encode("utf-8", "replace")
        if self._ended or not data:
            return
        self._left -= len(data)
        if self._left < 0:
            self._ended = True
            data = b"[the rest is not kept: this log is too long]\n"
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self._ended = True
            self._around.cannot_write(error)
