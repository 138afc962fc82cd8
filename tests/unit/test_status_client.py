"""The client that only reads: TLS, files, and that there is no other way than GET."""

from __future__ import annotations

import ast
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pki import Authority, write_kubeconfig
from tests.unit.fake_api import VIP, FakeApi, Request
from yk8s_tui.errors import ConfigError, UnreachableError
from yk8s_tui.status import client as client_module
from yk8s_tui.status import kubeconfig
from yk8s_tui.status.client import ApiClient, GoneError, RefusedError


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    with FakeApi(tmp_path).running() as fake:
        yield fake


def client_of(api: FakeApi, name: str = VIP, **more: object) -> ApiClient:
    return ApiClient("127.0.0.1", api.port, kubeconfig.load(api.kubeconfig).context(), name=name, **more)  # type: ignore[arg-type]


def test_reads_and_uses_its_connection_again(api: FakeApi) -> None:
    recorded: list[str] = []
    client = client_of(api, recorder=recorded.append)
    assert client.get("/readyz").status == 200
    assert client.get_json("/api/v1/nodes", {"limit": "5"})["items"] == []
    assert recorded == ["GET /readyz", "GET /api/v1/nodes?limit=5"]
    assert client._pool.num_connections == 1


def test_refuses_a_server_that_is_not_the_vip(api: FakeApi) -> None:
    with pytest.raises(UnreachableError, match="certificate is refused"):
        client_of(api, name="10.0.0.1").get("/readyz")
    assert not api.seen


def test_refuses_a_server_of_another_authority(api: FakeApi, tmp_path: Path) -> None:
    other = Authority()
    path = write_kubeconfig(tmp_path / "other", other, "https://x", *other.issue("admin"))
    client = ApiClient("127.0.0.1", api.port, kubeconfig.load(path).context(), name=VIP)
    with pytest.raises(UnreachableError, match="certificate is refused"):
        client.get("/readyz")


def test_says_who_refuses_the_connection(api: FakeApi) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        client = ApiClient("127.0.0.1", port, kubeconfig.load(api.kubeconfig).context(), name=VIP)
        with pytest.raises(UnreachableError, match="Connection refused"):
            client.get("/readyz")


def test_errors_of_the_api(api: FakeApi) -> None:
    api.routes["/gone"] = lambda request: request.answer({"message": "too old"}, 410)
    api.routes["/forbidden"] = lambda request: request.answer({"message": "not you"}, 403)
    api.routes["/moved"] = lambda request: request.answer(b"nonsense", 302)
    api.routes["/nonsense"] = lambda request: request.answer(b"<html>")
    client = client_of(api)
    with pytest.raises(GoneError, match="too old"):
        client.get_json("/gone")
    with pytest.raises(RefusedError, match="not you"):
        client.get_json("/forbidden")
    with pytest.raises(RefusedError, match="302"):
        client.get_json("/moved")
    with pytest.raises(UnreachableError, match="makes no sense"):
        client.get_json("/nonsense")


def test_a_silent_stream_is_given_up(api: FakeApi) -> None:
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="no answer in time"):
        list(client_of(api).watch("/api/v1/nodes", {"watch": "true"}, idle=0.3))
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("end", ["cut", "close"])
def test_streams_are_ended_from_another_thread(api: FakeApi, end: str) -> None:
    def stream(request: Request) -> None:
        request.stream()
        request.send(b"one\n")
        api.over.wait(20)

    api.routes["/stream"] = stream
    client = client_of(api)
    lines = client.watch("/stream", {}, idle=20)
    assert next(lines) == b"one"
    threading.Timer(0.2, getattr(client, end)).start()
    began = time.monotonic()
    with pytest.raises(UnreachableError):
        next(lines)
    assert time.monotonic() - began < 2


def test_a_torn_line_is_dropped(api: FakeApi) -> None:
    def stream(request: Request) -> None:
        request.stream()
        request.send(b'{"a": 1}\n{"b"')
        request.send(b": 2}\ntorn")
        request.end()

    api.routes["/stream"] = stream
    assert list(client_of(api).watch("/stream", {}, idle=5)) == [b'{"a": 1}', b'{"b": 2}']


def test_private_files_are_gone_and_were_private(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int, int]] = []
    real = kubeconfig.ssl.SSLContext.load_cert_chain

    def spy(context: object, certificate: str, key: str) -> None:
        seen.append((key, os.stat(key).st_mode & 0o777, os.stat(os.path.dirname(key)).st_mode & 0o777))
        real(context, certificate, key)  # type: ignore[arg-type]

    monkeypatch.setattr(kubeconfig.ssl.SSLContext, "load_cert_chain", spy)
    credentials = kubeconfig.load(api.kubeconfig)
    credentials.context()
    ((key, mode, folder_mode),) = seen
    assert (mode, folder_mode) == (0o600, 0o700)
    assert not Path(key).parent.exists()
    assert "PRIVATE" not in repr(credentials)


def test_kubeconfig_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    with pytest.raises(ConfigError, match="there is no kubeconfig yet"):
        kubeconfig.load(path)
    for text in ("", "{", "a: b", "current-context: x\ncontexts: []", "[]"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match="cannot be used"):
            kubeconfig.load(path)


def test_only_get_is_possible() -> None:
    """The one call that sends anything names GET, and nothing else in the status package opens a connection."""
    senders = {"urlopen", "request", "request_encode_body", "putrequest"}
    package = Path(client_module.__file__).parent
    sending = [
        (path.name, ast.unparse(call.args[0]))
        for path in sorted(package.glob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in senders
    ]
    assert sending == [("client.py", "'GET'")]
