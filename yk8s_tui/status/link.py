"""The link to the API: kept by one thread, which chooses the way, asks /readyz, and chooses anew when it breaks."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from yk8s_tui.errors import UnreachableError, Yk8sError
from yk8s_tui.status.client import ApiClient
from yk8s_tui.status.model import ApiServer
from yk8s_tui.status.route import Reached, Router, ask_ready

EVERY_SECONDS = 2.0
"""Between two questions to /readyz."""
PATIENCE_SECONDS = 1.0
"""For TCP and TLS, and for the answer of a connection that is open already."""
SECOND_SECONDS = 3.0
"""For the answer when it is asked a second time, over a new connection."""
RETRY_SECONDS = 2.0
"""Between two searches for a way; with jitter."""


@dataclass(frozen=True, slots=True)
class LinkNews:
    """What became of the link."""

    words: str
    """The way, or empty when there is none."""
    error: str
    since: float
    server: ApiServer
    """What /readyz said through the VIP."""


class Link:
    """Hands the client that works to whoever needs it; `run` is the body of its thread.

    `report` is called at every change and after every question to /readyz.
    """

    def __init__(self, router: Router, report: Callable[[LinkNews], None]) -> None:
        self._router = router
        self._report = report
        self._changed = threading.Condition()
        self._client: ApiClient | None = None
        self._stopped = False
        self._since = time.time()
        self._words = ""

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def client(self) -> ApiClient | None:
        """The client that works; waits for one, and returns None when stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._client is not None)
            return None if self._stopped else self._client

    def pause(self, seconds: float, failed: ApiClient) -> None:
        """Wait; ends early when another client than the one that failed is there, or when stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._client not in (failed, None), seconds)

    def stop(self) -> None:
        """End everything that goes over the link; `run` returns soon."""
        with self._changed:
            self._stopped = True
            client, self._client = self._client, None
            self._changed.notify_all()
        if client:
            client.close()

    def run(self) -> None:
        """Keep the link until stopped."""
        while not self._stopped:
            try:
                reached = self._router.find(lambda: not self._stopped)
            except Yk8sError as error:
                self._down(error)
                self._sleep(RETRY_SECONDS * random.uniform(0.7, 1.3))
                continue
            self._use(reached)

    def _use(self, reached: Reached) -> None:
        """Publish a client and look after it until it breaks."""
        with self._changed:
            if self._stopped:
                reached.client.close()
                return
            self._client = reached.client
            self._changed.notify_all()
        self._words, self._since = reached.words, time.time()
        self._up(reached.first)
        try:
            while self._sleep(EVERY_SECONDS):
                self._up(self._ask(reached.client))
        except UnreachableError as error:
            if not self._stopped:
                self._down(error)
        finally:
            with self._changed:
                self._client = None
            reached.client.close()

    def _ask(self, client: ApiClient) -> ApiServer:
        """Ask, and once more over a new connection; raises `UnreachableError` when that fails, too.

        A connection that broke may have led to a server behind the VIP that is gone, and so may the streams:
        they begin anew.
        """
        try:
            return ask_ready(client, connect=PATIENCE_SECONDS, read=PATIENCE_SECONDS)
        except UnreachableError:
            answer = ask_ready(client, connect=PATIENCE_SECONDS, read=SECOND_SECONDS)
            client.cut()
            return answer

    def _up(self, server: ApiServer) -> None:
        if not self._stopped:
            self._report(LinkNews(self._words, "", self._since, server))

    def _down(self, error: Yk8sError) -> None:
        if self._words:
            self._since = time.time()
        self._words = ""
        text = f"{error.what}: {error.why}" if error.why else error.what
        if error.hint:
            text = f"{text}\n{error.hint}"
        self._report(LinkNews("", text, self._since, ApiServer("", False, (), 0.0, text)))

    def _sleep(self, seconds: float) -> bool:
        """Wait; returns False when stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, seconds)
        return not self._stopped
