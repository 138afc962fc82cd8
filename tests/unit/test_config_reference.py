"""The generated reference is up to date, and every key has a help text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from yk8s_tui.models.config import Config
from yk8s_tui.repository.reference import json_schema, markdown
from yk8s_tui.repository.template import row_model, table_model

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def fields(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str | None]]:
    for name, field in model.model_fields.items():
        yield f"{path}{name}", field.description
        inner = table_model(field) or row_model(field)
        if inner is not None:
            yield from fields(inner, f"{path}{name}.")


def test_the_reference_is_up_to_date() -> None:
    assert REFERENCE.read_text() == markdown(), "run: yk8s-tui schema --markdown > docs/reference/configuration.md"


def test_every_key_has_its_help() -> None:
    assert [path for path, help_text in fields(Config) if not help_text] == []


def test_every_key_is_in_the_reference_and_in_the_schema() -> None:
    text = markdown()
    for path, _ in fields(Config):
        name = path.rpartition(".")[2]
        assert f"`{name}`" in text or f"{path}]" in text or f"[{path}." in text, path
    assert json_schema()["additionalProperties"] is False
    assert "network or any" not in text
