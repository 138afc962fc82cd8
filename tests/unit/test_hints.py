"""Remedies and evidence of failures, and the identity of plans."""

from __future__ import annotations

import pytest

from yk8s_tui.models.nodes import Inventory
from yk8s_tui.models.plan import Plan
from yk8s_tui.runs.hints import DEFAULT, hint_for
from yk8s_tui.runs.translate import evidence_of, reason_of


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("etcd cluster is unhealthy: etcdserver: no leader", "crictl ps"),
        ("Unit etcd-snapshot.timer could not be found", ""),
        ("YAML parsing failed: Colons in unquoted values must be followed by a non-space character.", "playbook"),
        ("couldn't resolve module/action 'nonsense'. This often indicates a misspelling", "playbook"),
        ("timed out waiting for the condition", "did not come"),
        ("ssh: connect to host cp1 port 22: Connection refused", "that the host is up"),
        ("the connection broke: Connection to 10.92.0.51 closed by remote host.", "that the host is up"),
        ("Transaction for x/start is destructive (shutdown.target has 'start' job queued)", "that the host is up"),
    ],
)
def test_a_hint_fits_what_failed_and_names_no_command_that_does_not_exist(text: str, word: str) -> None:
    found = hint_for(text)
    assert word in found
    assert (found == DEFAULT) is not bool(word)
    assert "yk8s-tui status" not in found


def test_a_traceback_that_there_is_not_is_no_evidence() -> None:
    assert evidence_of({"stderr": "no such thing", "exception": "(traceback unavailable)"}) == "no such thing"
    assert evidence_of({"exception": "(traceback unavailable)"}) == ""


def test_what_ssh_says_to_a_terminal_is_read_as_lines() -> None:
    said = "Connection timed out during banner exchange\r\nConnection to 10.92.0.12 port 22 timed out\r\n"
    assert reason_of({"msg": said}).splitlines() == [line.strip() for line in said.splitlines()]
    assert "\r" not in reason_of({"msg": said})


def test_a_plan_that_is_only_tried_is_the_same_plan() -> None:
    plan = Plan(
        cluster="c",
        operation="apply",
        created="",
        tool_version="",
        config_digest="",
        live_digest="",
        inventory=Inventory(),
        steps=(),
    )
    assert plan.hash == plan.model_copy(update={"check_only": True}).hash
    assert plan.hash != plan.model_copy(update={"live_digest": "other"}).hash
