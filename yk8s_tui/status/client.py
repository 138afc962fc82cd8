"""A client of the Kubernetes API that can only read: everything goes through one function, which sends GET."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from yk8s_tui.errors import UnreachableError, Yk8sError
from yk8s_tui.status.parsing import objects

if TYPE_CHECKING:
    from urllib3 import HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.response import BaseHTTPResponse

CONNECT_SECONDS = 2.0
"""For TCP and TLS together."""
READ_SECONDS = 15.0
BLOCK = 64 * 1024
"""Bytes that are read from a stream at once, at most."""
USER_AGENT = "yk8s-tui-status"

Recorder = Callable[[str], None]


class RefusedError(Yk8sError):
    """The API server answered, but not with what was asked for."""

    def __init__(self, status: int, why: str, where: str) -> None:
        super().__init__(f"the API refuses ({status})", where=where, why=why)
        self.status = status


class GoneError(RefusedError):
    """The resourceVersion or the continue token is too old: list anew."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whatever its status is."""

    status: int
    body: bytes


class ApiClient:
    """Reads from one API server, or from the load balancer before it.

    `name` is what its certificate has to be for, whatever way the connection takes. `recorder` is told
    every request before it is sent. All methods may be used by several threads.
    """

    def __init__(
        self,
        host: str,
        port: int,
        context: ssl.SSLContext,
        *,
        name: str,
        compress: bool = False,
        recorder: Recorder | None = None,
    ) -> None:
        from urllib3 import HTTPSConnectionPool

        self.where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._recorder = recorder
        self._headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
        if compress:
            self._headers["Accept-Encoding"] = "gzip"
        self._pool: HTTPSConnectionPool = HTTPSConnectionPool(
            host,
            port,
            maxsize=16,
            ssl_context=context,
            server_hostname=name,
            socket_options=_socket_options(),
        )
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._pool.ConnectionCls = _telling(self._opened)
        self._closed = False

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        connect: float = CONNECT_SECONDS,
        read: float = READ_SECONDS,
    ) -> Answer:
        """One answer; times in seconds. Raises `UnreachableError` when there is none."""
        with self._request(path, query, connect, read) as answer, self._explained():
            return Answer(answer.status, answer.data)

    def get_body(self, path: str, query: Mapping[str, str] | None = None, *, read: float = READ_SECONDS) -> bytes:
        """What was asked for; raises `UnreachableError`, `GoneError`, or `RefusedError` for every status but 200."""
        answer = self.get(path, query, read=read)
        if answer.status != 200:
            raise refusal(answer.status, answer.body, path)
        return answer.body

    def get_json(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The same as an object."""
        return parsed(self.get_body(path, query), path)

    def watch(self, path: str, query: Mapping[str, str], *, idle: float) -> Iterator[bytes]:
        """The lines of a stream as they come, until the server ends it; a torn last line is dropped.

        Close the iterator when done. Raises as `get_json` does, and `UnreachableError` when nothing comes for
        `idle` seconds.
        """
        with self._request(path, query, CONNECT_SECONDS, READ_SECONDS) as answer, self._explained():
            if answer.status != 200:
                raise refusal(answer.status, answer.data, path)
            cast("HTTPConnection", answer.connection).sock.settimeout(idle)
            rest = b""
            for block in answer.stream(BLOCK):
                *lines, rest = (rest + block).split(b"\n")
                yield from lines

    def cut(self) -> None:
        """Break every connection: who waits for an answer or reads one, in whatever thread, gets `UnreachableError`."""
        with self._lock:
            for opened in self._sockets:
                with contextlib.suppress(OSError):
                    # Not that of SSLSocket, which would have the reader take what is still encrypted for plain text.
                    socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def close(self) -> None:
        """End everything; the client cannot be used again."""
        self._closed = True
        self.cut()
        self._pool.close()

    @contextlib.contextmanager
    def _request(
        self, path: str, query: Mapping[str, str] | None, connect: float, read: float
    ) -> Iterator[BaseHTTPResponse]:
        """The one way to the server."""
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        url = f"{path}?{urlencode(query)}" if query else path
        if self._recorder:
            self._recorder(f"GET {url}")
        with self._explained():
            if self._closed:
                raise ConnectionAbortedError("closed")
            answer = self._pool.urlopen(
                "GET",
                url,
                headers=self._headers,
                timeout=Timeout(connect=connect, read=read),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        try:
            yield answer
        finally:
            # The connection is used again only when the answer was read to the end.
            with contextlib.suppress(HTTPError, OSError):
                answer.close()
                answer.release_conn()

    def _opened(self, opened: socket.socket) -> None:
        with self._lock:
            self._sockets.add(opened)
        if self._closed:
            self.cut()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        from urllib3.exceptions import HTTPError

        try:
            yield
        except (HTTPError, OSError) as error:
            what = "the API does not answer"
            raise UnreachableError(what, where=self.where, why=reason(error)) from error


def parsed(body: bytes, path: str) -> dict[str, Any]:
    """JSON as an object; raises `UnreachableError` when it is none, as when something else answers."""
    try:
        found = objects(body)
    except ValueError as error:
        raise UnreachableError("the answer of the API makes no sense", where=path, why=str(error)) from error
    if not isinstance(found, dict):
        raise UnreachableError("the answer of the API makes no sense", where=path, why="it is no object")
    return found


def refusal(status: int, body: bytes, path: str) -> RefusedError:
    """The error for an answer that is not what was asked for."""
    try:
        why = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        why = body[:200].decode(errors="replace").strip()
    return (GoneError if status == 410 else RefusedError)(status, why, path)


def reason(error: BaseException) -> str:
    """Why there was no answer, in few words."""
    from urllib3 import exceptions

    if isinstance(error, exceptions.TimeoutError) and not isinstance(error, exceptions.NewConnectionError):
        return "no answer in time"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"its certificate is refused: {inner.verify_message}"
        if isinstance(inner, ssl.SSLEOFError):
            return "the connection was closed"
        if isinstance(inner, ssl.SSLError):
            return f"TLS: {(inner.reason or str(inner)).lower().replace('_', ' ')}"
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return "the connection was closed" if isinstance(error, exceptions.ProtocolError) else str(error)


def _telling(opened: Callable[[socket.socket], None]) -> type[HTTPSConnection]:
    """Connections that tell when they are open."""
    from urllib3.connection import HTTPSConnection

    class Telling(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            if self.sock is not None:
                opened(self.sock)

    return Telling


def _socket_options() -> list[tuple[int, int, int]]:
    """A dead peer is noticed after 4 s, whether something is being sent or not."""
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    wanted = {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": 4000}
    options += [(socket.IPPROTO_TCP, getattr(socket, o), v) for o, v in wanted.items() if hasattr(socket, o)]
    return options
