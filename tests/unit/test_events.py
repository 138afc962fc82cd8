from __future__ import annotations

import pytest

from yk8s_tui.runs.events import SYNCED, TYPES, JournalError, decode_lines, encode


def test_an_event_is_one_line_of_json() -> None:
    line = encode({"type": "log", "text": "two\nlines with ü and \udcff"})
    assert line.count(b"\n") == 1
    events, damaged = decode_lines([line.decode().rstrip("\n")])
    assert (events[0]["type"], damaged) == ("log", 0)


@pytest.mark.parametrize("broken", ['{"type": "lo', "[]", "17", "", '{"a":1},{"b":2}'])
def test_damaged_lines_are_counted_and_left_out(broken: str) -> None:
    events, damaged = decode_lines(['{"type":"note"}', broken, '{"type":"log"}'])
    assert [event["type"] for event in events] == ["note", "log"]
    assert damaged == 1


def test_a_newer_layout_is_refused() -> None:
    with pytest.raises(JournalError, match="layout 2"):
        decode_lines(['{"v":2,"type":"note"}'])


def test_what_people_decided_and_what_was_intended_is_synced() -> None:
    assert SYNCED < TYPES
    assert {"step_started", "step_finished", "consent", "run_finished"} <= SYNCED
