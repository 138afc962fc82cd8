"""Lines of keys: every way to write them in TOML."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from yk8s_tui.repository.create import new_config
from yk8s_tui.repository.lines import layout

TEXT = '''\
a = 1
# comment = 2
b.c = "x # no comment"   # yes
"quoted key" = """
[not.a.table]
x = 1
""" # after
[t]
in = { p = 1, "q.r" = [1, 2] }
list = [
  1, # one
  { name = "n", deep = [
    3 ] },
]
when = 2026-11-23T07:00:00Z
[[rows]]
name = 'one'
[rows.sub]
k = \'\'\'a
'b' \'\'\'
[[rows]]
name = "two"
[[rows.inner]]
z = 1
[[rows.inner]]
z = 2
[x.y]
z = 1
'''


def test_every_key_has_its_line() -> None:
    lines = layout(TEXT).lines
    expected = {
        ("a",): 1, ("b",): 3, ("b", "c"): 3, ("quoted key",): 4, ("t",): 8, ("t", "in", "p"): 9,
        ("t", "in", "q.r", 1): 9,
        ("t", "list", 0): 11, ("t", "list", 1, "name"): 12, ("t", "list", 1, "deep", 0): 13, ("t", "when"): 15,
        ("rows",): 16, ("rows", 0): 16, ("rows", 0, "name"): 17, ("rows", 0, "sub", "k"): 19, ("rows", 1): 21,
        ("rows", 1, "name"): 22, ("rows", 1, "inner", 1, "z"): 26, ("x",): 27, ("x", "y", "z"): 28,
    }  # fmt: skip
    assert {path: lines.get(path) for path in expected} == expected
    assert ("not",) not in lines


def test_a_key_that_is_missing_has_the_line_of_its_table() -> None:
    found = layout(TEXT)
    assert found.line_of(("rows", 1, "address")) == 21
    assert found.line_of(("t", "list", 1, "roles")) == 12
    assert found.line_of(("nowhere", "at", "all")) == 0


def test_comments_know_their_table() -> None:
    assert layout(TEXT).comments == [((), 2, "# comment = 2")]


def paths_of(data: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    found = {path} if path else set()
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        found |= paths_of(value, (*path, key))
    return found


values = st.recursive(
    st.one_of(st.integers(), st.booleans(), st.text(max_size=10), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=12,
)


@settings(max_examples=150)
@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_every_path_of_any_document_is_found(data: dict[str, Any]) -> None:
    text = tomlkit.dumps(data)
    assert paths_of(tomllib.loads(text)) <= layout(text).lines.keys()


@pytest.mark.parametrize("harbour", ["lab", "baremetal", "openstack"])
def test_the_template_is_found_line_by_line(harbour: str) -> None:
    text = new_config(harbour, "demo", {})
    lines = text.splitlines()
    found = layout(text)
    for path in paths_of(tomllib.loads(text)):
        assert str(path[-1]) in lines[found.lines[path] - 1]
