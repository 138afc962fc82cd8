"""The whole API half against a real HTTPS server: ways, outages, and that it only reads."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.fake_api import VIP, FakeApi, Request
from yk8s_tui.errors import UnreachableError
from yk8s_tui.status import link, route
from yk8s_tui.status import watch as watch_module
from yk8s_tui.status.cluster_api import RESOURCES, ApiWatch
from yk8s_tui.status.model import ClusterStatus
from yk8s_tui.status.route import Places

LOCAL = "127.0.0.1"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    with FakeApi(tmp_path, VIP, LOCAL).running() as fake:
        yield fake


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "EVERY_SECONDS", 0.2)
    monkeypatch.setattr(link, "RETRY_SECONDS", 0.2)
    monkeypatch.setattr(route, "NEAR_SECONDS", 0.5)


@contextmanager
def started(watch: ApiWatch) -> Iterator[ClusterStatus]:
    watch.start()
    try:
        assert watch.await_first(10)
        status = ClusterStatus()
        watch.drain(status)
        yield status
    finally:
        began = time.monotonic()
        watch.stop()
        assert time.monotonic() - began < 2


def drained(watch: ApiWatch, status: ClusterStatus, condition: Callable[[], bool], seconds: float = 10) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.02)
        watch.drain(status)
    return time.monotonic() - began


def raw_node(name: str, ready: str = "True") -> dict[str, object]:
    return {
        "metadata": {"name": name, "resourceVersion": "3"},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def test_directly_and_only_with_reads(api: FakeApi) -> None:
    api.routes["/api/v1/nodes"] = lambda request: (
        api.over.wait(20)
        if request.query.get("watch")
        else request.answer({"metadata": {"resourceVersion": "3"}, "items": [raw_node("w1")]})
    )
    recorded: list[str] = []
    watch = ApiWatch(Places(LOCAL, api.port), api.kubeconfig, recorder=recorded.append)
    with started(watch) as status:
        assert list(status.nodes) == ["w1"]
        assert status.route == "directly"
        assert status.sources["api"].state == "live"
        assert status.api_servers[""].ready
        revision = status.revision
        assert revision == 1
        drained(watch, status, lambda: status.revision > revision)
    assert set(api.methods) == {"GET"}
    assert set(recorded) >= set(api.seen)
    assert all(line.startswith("GET ") for line in recorded)
    asked = {line.split("?")[0].removeprefix("GET ") for line in recorded}
    assert asked == {"/readyz", *(resource.path for resource in RESOURCES)}


def test_through_the_vpn(api: FakeApi) -> None:
    watch = ApiWatch(Places(VIP, api.port, inside=(LOCAL,)), api.kubeconfig)
    with started(watch) as status:
        assert status.route == "through the VPN"


def test_over_the_frontend_that_answers(api: FakeApi) -> None:
    asked: list[tuple[str, str, int]] = []

    def forward(node: str, host: str, port: int) -> int:
        asked.append((node, host, port))
        if node == "fe1":
            raise UnreachableError("SSH does not answer", where=node, why="no answer within 10 s")
        return api.port

    watch = ApiWatch(Places(VIP, 8888, frontends=("fe1", "fe2")), api.kubeconfig, forward=forward)
    with started(watch) as status:
        assert status.route == "via fe2"
    assert asked == [("fe1", VIP, 8888), ("fe2", VIP, 8888)]


def test_no_way_says_why_for_each(api: FakeApi) -> None:
    with socket.socket() as taken:
        taken.bind((LOCAL, 0))

        def forward(node: str, host: str, port: int) -> int:
            raise UnreachableError("SSH does not answer", where=node, why="no route to host")

        places = Places(LOCAL, taken.getsockname()[1], frontends=("fe1",))
        watch = ApiWatch(places, api.kubeconfig, forward=forward)
        with started(watch) as status:
            assert status.route == ""
            source = status.sources["api"]
            assert source.state == "unreachable"
            assert "directly: Connection refused; via fe1: no route to host" in source.error
            assert status.api_servers[""].error


def test_without_a_kubeconfig(api: FakeApi, tmp_path: Path) -> None:
    watch = ApiWatch(Places(LOCAL, api.port), tmp_path / "none")
    with started(watch) as status:
        assert "there is no kubeconfig yet" in status.sources["api"].error


def test_names_the_check_that_fails(api: FakeApi) -> None:
    body = b"[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\nreadyz check failed\n"
    api.routes["/readyz"] = lambda request: request.answer(body, 500)
    watch = ApiWatch(Places(LOCAL, api.port), api.kubeconfig)
    with started(watch) as status:
        server = status.api_servers[""]
        assert (server.ready, server.failing, server.error) == (False, ("etcd",), "")


def test_a_kubeconfig_that_is_not_accepted(api: FakeApi) -> None:
    api.routes["/readyz"] = lambda request: request.answer(b"Unauthorized", 401)
    watch = ApiWatch(Places(LOCAL, api.port), api.kubeconfig)
    with started(watch) as status:
        assert "does not accept the kubeconfig" in status.sources["api"].error


def test_a_resource_that_is_forbidden_hides_nothing_else(api: FakeApi) -> None:
    api.routes["/api/v1/events"] = lambda request: request.answer({"message": "events is forbidden"}, 403)
    watch = ApiWatch(Places(LOCAL, api.port), api.kubeconfig)
    with started(watch) as status:
        assert status.sources["api"].state == "live"
        assert "events is forbidden" in status.sources["api"].error


def test_a_server_that_hangs_behind_the_vip_is_left_for_another(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "PATIENCE_SECONDS", (0.3, 9.0))
    asked = 0

    def pods(request: Request) -> None:
        nonlocal asked
        if request.query.get("watch"):
            request.stream()
        else:
            asked += 1
        if asked == 1 or request.query.get("watch"):
            api.over.wait(20)
        request.answer({"metadata": {"resourceVersion": "3"}, "items": []})

    api.routes["/api/v1/pods"] = pods
    watch = ApiWatch(Places(LOCAL, api.port), api.kubeconfig)
    began = time.monotonic()
    with started(watch) as status:
        assert time.monotonic() - began < 5
        assert "pods" in status.read
        assert status.sources["api"].error == ""
    assert asked == 2


def test_what_was_not_read_in_time_is_told_until_it_is_read(api: FakeApi) -> None:
    late = threading.Event()

    def pods(request: Request) -> None:
        if request.query.get("watch"):
            request.stream()
            api.over.wait(20)
        late.wait(20)
        request.answer({"metadata": {"resourceVersion": "3"}, "items": []})

    api.routes["/api/v1/pods"] = pods
    watch = ApiWatch(Places(LOCAL, api.port), api.kubeconfig)
    watch.start()
    try:
        assert not watch.await_first(1)
        status = ClusterStatus()
        watch.drain(status)
        assert (status.sources["api"].state, status.sources["api"].error) == ("live", "pods: no answer")
        assert status.read == {resource.kind for resource in RESOURCES} - {"pods"}
        late.set()
        drained(watch, status, lambda: "pods" in status.read)
        assert status.sources["api"].error == ""
    finally:
        late.set()
        watch.stop()


def test_recovers_after_an_outage(api: FakeApi) -> None:
    """The listening socket answers, but nobody behind it does; then it does again."""
    silent = False
    lists = 0

    def nodes(request: Request) -> None:
        nonlocal lists
        if request.query.get("watch"):
            request.stream()
            api.over.wait(20)
            return
        lists += 1
        request.answer({"metadata": {"resourceVersion": "3"}, "items": [raw_node("w1")]})

    def ready(request: Request) -> None:
        if silent:
            api.over.wait(6)
        request.answer(b"[+]ping ok\n")

    api.routes["/api/v1/nodes"], api.routes["/readyz"] = nodes, ready
    watch = ApiWatch(Places(LOCAL, api.port), api.kubeconfig)
    with started(watch) as status:
        silent = True
        noticed = drained(watch, status, lambda: status.sources["api"].state == "unreachable")
        assert noticed < 5
        assert list(status.nodes) == ["w1"]
        assert status.route == ""
        silent = False
        drained(watch, status, lambda: status.sources["api"].state == "live")
        drained(watch, status, lambda: sum("nodes?watch" in line for line in api.seen) >= 2)
    assert lists == 1


def test_another_way_is_taken_when_one_breaks(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: set[str] = set()
    real = route.Router._try

    def trying(self: route.Router, words: str, *args: object, **more: object) -> object:
        if words in refused:
            raise UnreachableError("no")
        return real(self, words, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(route.Router, "_try", trying)
    places = Places(LOCAL, api.port, frontends=("fe1",))
    watch = ApiWatch(places, api.kubeconfig, forward=lambda node, host, port: api.port)
    with started(watch) as status:
        assert status.route == "directly"
        refused.add("directly")
        client = watch._link.client()
        assert client is not None
        client.close()
        drained(watch, status, lambda: status.route == "via fe1")
