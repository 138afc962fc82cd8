"""Drafts of the wizard: kept as they are, valid or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yk8s_tui.repository.create import create
from yk8s_tui.repository.drafts import discard_draft, draft_path, load_draft, save_draft

answers = st.dictionaries(
    st.text(max_size=6),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
        max_leaves=8,
    ),
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(answers)
def test_a_draft_comes_back_as_it_was(tmp_path: Path, given_answers: dict[str, Any]) -> None:
    save_draft(tmp_path, given_answers)
    assert load_draft(tmp_path) == given_answers


def test_only_the_owner_reads_it_and_it_can_be_discarded(tmp_path: Path) -> None:
    assert load_draft(tmp_path / "nowhere") is None
    save_draft(tmp_path / "new", {"cluster": {"name": "Not Valid!"}})
    assert draft_path(tmp_path / "new").stat().st_mode & 0o777 == 0o600
    discard_draft(tmp_path / "new")
    discard_draft(tmp_path / "new")
    assert load_draft(tmp_path / "new") is None


def test_a_torn_draft_is_put_aside(tmp_path: Path) -> None:
    save_draft(tmp_path, {"a": 1})
    draft_path(tmp_path).write_text('{"a": ')
    assert load_draft(tmp_path) is None
    assert (tmp_path / "draft.json.torn").read_text() == '{"a": '


def test_in_a_repository_it_is_beside_the_state(tmp_path: Path) -> None:
    root = create(tmp_path / "demo", "lab", "demo").root
    save_draft(root, {"a": 1})
    assert (root / "state" / "draft.json").exists()
    assert load_draft(root) == {"a": 1}
