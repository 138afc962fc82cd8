"""Changing keys: comments, order and everything else survive, whatever is changed."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yk8s_tui.errors import ConfigError, UsageError
from yk8s_tui.models import keys
from yk8s_tui.repository.create import new_config
from yk8s_tui.repository.editing import edit, rename, set_value

TEXT = """\
# berlin
[cluster]
name = "x"      # the name
harbour = "lab"

[kubernetes]
version = "1.36.3"
# pod_cidr = "10.244.0.0/16"   # network of pods
# cni = "routed"

# after Kubernetes
[trampoline]
# vip = ""
# [[trampoline.published_ports]]
# mode = "tcp"
# proxy_protocol = false

[[trampoline.wireguard.peers]]
# the laptop of alice
name = "alice"  # A
[[trampoline.wireguard.peers]]
# bob, until May
name = "bob"
"""

leaf = st.one_of(
    st.text(max_size=12), st.integers(-(2**40), 2**40), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)
table = st.dictionaries(st.text(min_size=1, max_size=6), leaf, max_size=3)
value = st.one_of(
    leaf,
    st.lists(st.text(max_size=5), max_size=4),
    table,
    st.lists(table.map(lambda t: {"name": "n", **t}), max_size=3),
    st.none(),
)
key = st.sampled_from(
    [
        "cluster.name", "kubernetes.pod_cidr", "kubernetes.version", "kubernetes.kubelet", "kubernetes.labels.w1",
        'kubernetes.labels.w1."example.org/a"', "trampoline.vip", "trampoline.mode", "trampoline.wireguard.mtu",
        "trampoline.wireguard.peers", "trampoline.published_ports", "ksl.rook.values", "ksl.rook.values.a.b", "new",
        "harbour.lab.workers",
    ]
)  # fmt: skip


def comments(text: str) -> list[str]:
    """The comments, in order; none of the texts here has a `#` inside a value."""
    return [line[line.index("#") :] for line in text.splitlines() if "#" in line]


def without_empty(data: Any) -> Any:
    """A removal may take the table with it that it has emptied."""
    if not isinstance(data, dict):
        return data
    kept = {k: without_empty(v) for k, v in data.items()}
    return {k: v for k, v in kept.items() if v != {}}


def expected(text: str, changes: dict[str, Any]) -> dict[str, Any]:
    data = tomllib.loads(text)
    for dotted, new in changes.items():
        set_value(data, dotted, new)
    return data


@settings(max_examples=150)
@given(st.lists(st.tuples(key, value), max_size=5))
def test_what_is_written_is_what_was_asked_for_and_nothing_else(changes: list[tuple[str, Any]]) -> None:
    text = TEXT
    for dotted, new in changes:
        before = tomllib.loads(text)
        try:
            text = edit(text, {dotted: new}, where="t")
        except UsageError:
            assert tomllib.loads(text) == before  # a key below a plain value
            continue
        wanted = copy.deepcopy(before)
        set_value(wanted, dotted, new)
        if new is None:
            assert without_empty(tomllib.loads(text)) == without_empty(wanted)
        else:
            assert tomllib.loads(text) == wanted


def test_a_table_without_a_header_can_become_empty() -> None:
    text = edit(TEXT, {"ksl.rook.values.a.b": ""}, where="t")
    assert tomllib.loads(edit(text, {"ksl.rook.values": {}}, where="t"))["ksl"]["rook"]["values"] == {}


@settings(max_examples=80)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "cluster.name",
                "kubernetes.pod_cidr",
                "kubernetes.version",
                "trampoline.vip",
                "harbour.lab.workers",
                "ksl.rook.enabled",
            ]
        ),
        leaf.filter(lambda v: "#" not in str(v)),
        max_size=6,
    )
)
def test_comments_survive_in_their_order(changes: dict[str, Any]) -> None:
    assert comments(edit(TEXT, changes, where="t")) == comments(TEXT)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["harbour.lab.workers", "kubernetes.api_port"]), st.integers(1, 9), max_size=2))
def test_the_template_keeps_every_comment(changes: dict[str, Any]) -> None:
    text = new_config("lab", "demo", {})
    assert comments(edit(text, changes, where="t")) == comments(text)


def test_writing_a_value_back_gives_the_old_text() -> None:
    there = edit(TEXT, {"cluster.name": "y"}, where="t")
    assert there != TEXT
    assert edit(there, {"cluster.name": "x"}, where="t") == TEXT


def test_no_change_leaves_every_byte() -> None:
    crlf = TEXT.replace("\n", "\r\n")
    assert edit(crlf, {"cluster.name": "x"}, where="t") == crlf
    changed = edit(crlf, {"cluster.name": "y", "kubernetes.pod_cidr": "10.1.0.0/16"}, where="t")
    assert changed.count("\n") == changed.count("\r\n")


def test_a_new_key_goes_below_its_commented_default() -> None:
    lines = edit(TEXT, {"kubernetes.pod_cidr": "10.1.0.0/16"}, where="t").splitlines()
    place = lines.index('# pod_cidr = "10.244.0.0/16"   # network of pods')
    assert lines[place + 1] == 'pod_cidr = "10.1.0.0/16"'


def test_new_tables_stand_in_their_section_and_comments_stay_with_theirs() -> None:
    changed = edit(
        TEXT,
        {
            "trampoline.published_ports": [{"port": 80, "node_port": 30080}],
            'kubernetes.labels.w1."example.org/a"': "b",
            "kubernetes.etcd_backup.keep": 3,
        },
        where="t",
    )
    assert "\n[[trampoline.published_ports]]\nport = 80\nnode_port = 30080\n" in changed
    assert changed.index("[trampoline]") < changed.index("[[trampoline.published_ports]]") < changed.index("alice")
    assert '\n\n[kubernetes.labels.w1]\n"example.org/a" = "b"\n' in changed
    assert "\n# after Kubernetes\n[trampoline]\n" in changed
    assert comments(changed) == comments(TEXT)


def test_a_commented_table_is_not_mistaken_for_the_one_around_it() -> None:
    changed = edit(TEXT, {"trampoline.mode": "http"}, where="t")
    assert tomllib.loads(changed)["trampoline"]["mode"] == "http"
    assert '# mode = "tcp"\nmode' not in changed


def test_an_entry_that_stays_keeps_its_comments_when_another_goes() -> None:
    changed = edit(TEXT, {"trampoline.wireguard.peers": [{"name": "bob"}, {"name": "carol"}]}, where="t")
    assert "# bob, until May" in changed
    assert "alice" not in changed
    assert [p["name"] for p in tomllib.loads(changed)["trampoline"]["wireguard"]["peers"]] == ["bob", "carol"]


def test_entries_of_lists_are_reached_by_their_place() -> None:
    changed = edit(TEXT, {"trampoline.wireguard.peers[1].name": "bert"}, where="t")
    assert expected(TEXT, {"trampoline.wireguard.peers[1].name": "bert"}) == tomllib.loads(changed)
    assert "# bob, until May" in changed
    gone = edit(TEXT, {"trampoline.wireguard.peers[0]": None}, where="t")
    assert [p["name"] for p in tomllib.loads(gone)["trampoline"]["wireguard"]["peers"]] == ["bob"]


@pytest.mark.parametrize(
    "wrong", ["", "a..b", "cluster.", ".a", "cluster.name.x", "trampoline.wireguard.peers[7].name"]
)
def test_keys_that_lead_nowhere_are_refused(wrong: str) -> None:
    with pytest.raises(UsageError):
        edit(TEXT, {wrong: 1}, where="t")


def test_text_that_is_not_toml_is_refused() -> None:
    with pytest.raises(ConfigError):
        edit("a = ", {"a": 1}, where="t")


@given(
    st.lists(st.one_of(st.text("abcXYZ0_-./ é", min_size=1), st.integers(0, 99)), min_size=1).filter(
        lambda p: isinstance(p[0], str)
    )
)
def test_keys_and_paths_are_the_same_thing(path: list[str | int]) -> None:
    assert keys.split(keys.join(path)) == tuple(path)


def test_renaming_keeps_place_and_comment() -> None:
    text = rename(TEXT, ("cluster", "harbour"), "provider")
    assert 'provider = "lab"' in text
    assert text.replace("provider", "harbour") == TEXT
