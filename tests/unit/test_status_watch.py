"""List and watch against a real HTTPS server: resumed, relisted, backed off, recovered."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fake_api import VIP, FakeApi, Request
from yk8s_tui.status import kubeconfig, watch
from yk8s_tui.status.client import ApiClient
from yk8s_tui.status.watch import Change, Chunk, Listed, Resource, ResourceWatch, Trouble

PATH = "/api/v1/nodes"
RESOURCE = Resource("nodes", PATH, lambda item: item["metadata"]["resourceVersion"])


class OneClient:
    """A link that is always up."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self.pauses: list[float] = []
        self.stopped = False

    def client(self) -> ApiClient | None:
        return None if self.stopped else self._client

    def pause(self, seconds: float, failed: ApiClient) -> None:
        self.pauses.append(seconds)
        time.sleep(0.01)


def item(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def event(kind: str, name: str, version: int) -> dict[str, Any]:
    return {"type": kind, "object": item(name, version)}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    with FakeApi(tmp_path).running() as fake:
        yield fake


class Script:
    """Answers lists with what there is and watches with one part of the script after the other."""

    def __init__(self, api: FakeApi, *parts: Any) -> None:
        self.api = api
        self.parts = list(parts)
        self.lists: list[dict[str, str]] = []
        self.watches: list[dict[str, str]] = []
        self.items = [item("a", 5)]
        api.routes[PATH] = self

    def __call__(self, request: Request) -> None:
        if not request.query.get("watch"):
            self.lists.append(request.query)
            request.answer({"metadata": {"resourceVersion": str(len(self.lists) * 10)}, "items": self.items})
            return
        self.watches.append(request.query)
        part = self.parts.pop(0) if self.parts else None
        if part is None:
            request.stream()
            self.api.over.wait(20)
        else:
            part(request)


def streams(*data: object, torn: bool = False) -> Any:
    def part(request: Request) -> None:
        request.stream()
        for one in data:
            request.send(one)
        request.tear() if torn else request.end()

    return part


@contextmanager
def watching(api: FakeApi, resource: Resource = RESOURCE) -> Iterator[tuple[queue.SimpleQueue[Any], OneClient]]:
    out: queue.SimpleQueue[Any] = queue.SimpleQueue()
    clients = OneClient(ApiClient("127.0.0.1", api.port, kubeconfig.load(api.kubeconfig).context(), name=VIP))
    thread = threading.Thread(target=ResourceWatch(resource, clients, out.put).run, daemon=True)
    thread.start()
    try:
        yield out, clients
    finally:
        clients.stopped = True
        clients._client.close()
        thread.join(5)
        assert not thread.is_alive()


def take(out: queue.SimpleQueue[Any], count: int) -> list[Any]:
    return [out.get(timeout=10) for _ in range(count)]


def until(condition: Any) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_lists_in_chunks_and_watches_from_the_first_version(api: FakeApi) -> None:
    pages = {"": ("7", "next"), "next": ("9", "")}
    watches: list[dict[str, str]] = []

    def route(request: Request) -> None:
        if request.query.get("watch"):
            watches.append(request.query)
            streams()(request) if len(watches) > 50 else api.over.wait(20)
            return
        version, token = pages[request.query.get("continue", "")]
        request.answer(
            {"metadata": {"resourceVersion": version, "continue": token}, "items": [item(f"n{version}", int(version))]}
        )

    api.routes[PATH] = route
    with watching(api) as (out, _):
        assert take(out, 3) == [
            Chunk("nodes", [(("n7",), "7")]),
            Chunk("nodes", [(("n9",), "9")]),
            Listed("nodes", frozenset({("n7",), ("n9",)})),
        ]
        until(lambda: watches)
    assert watches[0]["resourceVersion"] == "7"
    assert watches[0]["allowWatchBookmarks"] == "true"
    assert "limit=500" in api.seen[0]


def test_goes_on_where_the_stream_ended(api: FakeApi) -> None:
    script = Script(
        api,
        streams(event("MODIFIED", "a", 11), event("BOOKMARK", "", 15)),
        streams(event("ADDED", "b", 16), b'{"type": "MODIFIED", "obj', torn=True),
        streams(event("DELETED", "a", 17)),
    )
    with watching(api) as (out, _):
        assert take(out, 5)[2:] == [
            Change("nodes", ("a",), "11"),
            Change("nodes", ("b",), "16"),
            Change("nodes", ("a",), None),
        ]
        until(lambda: len(script.watches) == 4)
    assert [w["resourceVersion"] for w in script.watches] == ["10", "15", "16", "17"]
    assert len(script.lists) == 1


@pytest.mark.parametrize("how", ["status", "event"])
def test_lists_anew_when_the_version_is_gone(api: FakeApi, how: str) -> None:
    def status(request: Request) -> None:
        request.answer({"message": "too old", "code": 410}, 410)

    gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}
    script = Script(api, status if how == "status" else streams(gone))
    with watching(api) as (out, _):
        assert [type(m) for m in take(out, 4)] == [Chunk, Listed, Chunk, Listed]
        until(lambda: len(script.watches) == 2)
    assert [w["resourceVersion"] for w in script.watches] == ["10", "20"]


def test_waits_longer_each_time_and_recovers(api: FakeApi) -> None:
    refused = [lambda request: request.answer({"message": "overloaded"}, 500)] * 8
    script = Script(api, *refused, streams(event("MODIFIED", "a", 30)))
    with watching(api) as (out, clients):
        messages = take(out, 5)
    assert [type(m) for m in messages] == [Chunk, Listed, Trouble, Change, Trouble]
    assert "overloaded" in messages[2].error
    assert messages[4] == Trouble("nodes", "")
    assert [0.5 <= p / min(10, 0.2 * 2**n) <= 1 for n, p in enumerate(clients.pauses[:8])] == [True] * 8
    assert len(script.lists) == 1


def test_a_watch_that_ends_at_once_is_not_repeated_without_a_pause(api: FakeApi) -> None:
    Script(api, *[streams()] * 4)
    with watching(api) as (out, clients):
        take(out, 2)
        until(lambda: len(clients.pauses) == 4)
        assert clients.pauses[3] > clients.pauses[0]


def test_an_object_that_cannot_be_understood_does_not_end_the_watch(api: FakeApi) -> None:
    script = Script(api, streams({"type": "MODIFIED", "object": {"metadata": {"name": "odd"}}}))
    with watching(api) as (out, _):
        messages = take(out, 6)
        until(lambda: len(script.watches) == 2)
    assert [type(m) for m in messages] == [Chunk, Listed, Trouble, Chunk, Trouble, Listed]


def test_a_selector_goes_with_list_and_watch(api: FakeApi) -> None:
    script = Script(api)
    resource = Resource("events", PATH, lambda found: None, "type=Warning")
    with watching(api, resource) as (out, _):
        take(out, 2)
        until(lambda: script.watches)
    assert script.lists[0]["fieldSelector"] == script.watches[0]["fieldSelector"] == "type=Warning"
    assert watch.WATCH_SECONDS[1] < watch.IDLE_SECONDS
