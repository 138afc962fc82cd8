"""An HTTPS server that tells what a test gives it, with a CA of its own, and a kubeconfig for it."""

from __future__ import annotations

import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.pki import Authority, write_kubeconfig

VIP = "10.255.255.250"
"""Nobody answers there; the server's certificate is for it."""
READY = b"[+]ping ok\n[+]etcd ok\nreadyz check passed\n"

Handler = Callable[["Request"], None]


class Request:
    """One request, and what may be answered."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        split = urlsplit(handler.path)
        self.path = split.path
        self.query = {name: values[0] for name, values in parse_qs(split.query).items()}
        self._handler = handler

    def answer(self, body: object, status: int = 200) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._handler.send_response(status)
        self._handler.send_header("Content-Length", str(len(data)))
        self._handler.end_headers()
        self._handler.wfile.write(data)

    def stream(self) -> None:
        """Begin a watch."""
        self._handler.send_response(200)
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()
        self._handler.wfile.flush()

    def send(self, data: object) -> None:
        """One event, or raw bytes."""
        raw = data if isinstance(data, bytes) else json.dumps(data).encode() + b"\n"
        self._handler.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
        self._handler.wfile.flush()

    def end(self) -> None:
        """End a watch as a server does."""
        self._handler.wfile.write(b"0\r\n\r\n")
        self._handler.wfile.flush()

    def tear(self) -> None:
        """Break off in the middle."""
        self._handler.close_connection = True


class FakeApi:
    """Answers /readyz and empty lists; `routes` says more about single paths."""

    def __init__(self, folder: Path, *addresses: str) -> None:
        self.authority = Authority()
        self.methods: Counter[str] = Counter()
        self.seen: list[str] = []
        self.routes: dict[str, Handler] = {}
        self.over = threading.Event()
        fake = self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fake.serve(Request(self), self)

            def log_message(self, *_: object) -> None:
                """Be quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Broken connections are what the tests are about."""

        self.server = Server(("127.0.0.1", 0), Answering)
        self.port: int = self.server.server_address[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (folder / "cert").write_text("".join(self.authority.issue("server", *(addresses or (VIP,)))))
        context.load_cert_chain(folder / "cert")
        context.load_verify_locations(cadata=self.authority.pem)
        context.verify_mode = ssl.CERT_REQUIRED
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        client = self.authority.issue("admin")
        self.kubeconfig = write_kubeconfig(folder / "secrets" / "kubeconfig", self.authority, "https://x", *client)

    def serve(self, request: Request, handler: BaseHTTPRequestHandler) -> None:
        self.methods[handler.command] += 1
        self.seen.append(f"{handler.command} {handler.path}")
        route = self.routes.get(request.path, _empty)
        if request.path == "/readyz" and request.path not in self.routes:
            request.answer(READY)
        elif route is _empty and request.query.get("watch"):
            request.stream()
            self.over.wait(20)
        else:
            route(request)

    @contextmanager
    def running(self) -> Iterator[FakeApi]:
        thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.over.set()
            self.server.shutdown()
            self.server.server_close()


def _empty(request: Request) -> None:
    request.answer({"metadata": {"resourceVersion": "1"}, "items": []})
