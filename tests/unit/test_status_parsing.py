"""Managed fields are left out, and nothing else, whatever is in them."""

from __future__ import annotations

import gc
import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yk8s_tui.status.parsing import objects


def coded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def item(managed: Any, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "managedFields": managed}, "spec": spec}


def without(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "metadata": {"name": found["metadata"]["name"]}}


FIELDS = [{"manager": "kubelet", "fieldsV1": {"f:status": {'k:{"type":"Ready"}': {"f:status": {}}}}}]


def test_managed_fields_are_left_out() -> None:
    listed = [item(FIELDS, a=1), item(FIELDS, b=[{"c": {}}])]
    assert objects(coded({"items": listed})) == {"items": [without(i) for i in listed]}


def test_of_cordoned_nodes_they_are_kept() -> None:
    node = item(FIELDS, unschedulable=True)
    assert objects(coded(node)) == node


@pytest.mark.parametrize("text", ["}]}", '}]},"x":{', ',"managedFields":[', '"}]}"', "\\"])
def test_texts_like_the_delimiters_do_no_harm(text: str) -> None:
    odd = item([{"manager": text, "fieldsV1": {text: {}}}], note=text)
    assert objects(coded(odd)) in (odd, without(odd))
    assert objects(coded({"metadata": {"name": text, "annotations": {text: text}}}))["metadata"]["name"] == text


@given(st.lists(st.text('}]{[",\\:ax', max_size=8), min_size=3, max_size=3))
def test_any_text(texts: list[str]) -> None:
    odd = item([{"manager": texts[0], "fieldsV1": {texts[1]: {}}}], note=texts[2])
    assert objects(coded(odd)) in (odd, without(odd))


def test_no_json() -> None:
    for body in (b"", b"<html>", b'{"metadata":{"name":"a","managedFields":[{'):
        with pytest.raises(json.JSONDecodeError):
            objects(body)


def test_the_collector_is_on_again() -> None:
    body = coded([item(FIELDS)] * 500)
    threads = [threading.Thread(target=lambda: [objects(body) for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gc.isenabled()
    gc.disable()
    try:
        objects(body)
        assert not gc.isenabled()
    finally:
        gc.enable()
