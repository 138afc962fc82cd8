"""List and watch of one resource: everything once, in chunks, then every change, whatever happens in between."""

from __future__ import annotations

import contextlib
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from yk8s_tui.errors import UnreachableError, Yk8sError
from yk8s_tui.status.client import ApiClient, GoneError, RefusedError, parsed
from yk8s_tui.status.parsing import objects

CHUNK = 500
"""Objects a request, as kubectl does."""
WATCH_SECONDS = (50, 70)
"""How long one watch lasts; the next one goes on from where it ended, at the cost of one request."""
IDLE_SECONDS = 80.0
"""More than the longest watch: a stream that is silent for longer is dead."""
PATIENCE_SECONDS = (5.0, 10.0, 20.0)
"""For the next bytes of a list, try by try: a server that hangs behind the VIP is soon left for another one, and a
slow one gets its time."""
FIRST_DELAY, LONGEST_DELAY = 0.2, 10.0
"""Seconds of back-off."""
SHORT_SECONDS = 1.0
"""A watch that the server ends within that, without an event, counts as a failure."""

CONTINUE = re.compile(rb'"continue":("[^"\\]+")')

Raw = dict[str, Any]
Key = tuple[str, ...]


@dataclass(frozen=True)
class Resource:
    """What to watch, and what to keep of it."""

    kind: str
    """`nodes`, `pods`, … within this program."""
    path: str
    reduce: Callable[[Raw], Any]
    """One object -> what is kept of it; must not raise for odd objects, and not keep parts of them."""
    fields: str = ""
    """fieldSelector."""


class Chunk(NamedTuple):
    """Some objects of a list."""

    kind: str
    items: list[tuple[Key, Any]]


class Listed(NamedTuple):
    """A list is complete: what is not in it does not exist any more."""

    kind: str
    keys: frozenset[Key]


class Change(NamedTuple):
    """One object is new or changed; None for what is gone."""

    kind: str
    key: Key
    value: Any


class Trouble(NamedTuple):
    """A resource cannot be read although the API answers; empty when it can again."""

    kind: str
    error: str


Message = Chunk | Listed | Change | Trouble


class Clients(Protocol):
    """Where clients come from."""

    @property
    def stopped(self) -> bool:
        """Whether all is over."""

    def client(self) -> ApiClient | None:
        """The client to use; waits for one, None when all is over."""

    def pause(self, seconds: float, failed: ApiClient) -> None:
        """Wait after a failure, but not longer than until there is another client."""


class ResourceWatch:
    """Puts what happens to one resource into a queue; `run` is the body of its thread."""

    def __init__(self, resource: Resource, clients: Clients, out: Callable[[Any], None]) -> None:
        self.resource = resource
        self._clients = clients
        self._out = out
        self._version = ""
        self._delay = FIRST_DELAY
        self._failed = 0
        """Lists in a row that nobody answered."""
        self._trouble = ""

    def run(self) -> None:
        """List and watch until stopped."""
        while (client := self._clients.client()) is not None:
            try:
                if not self._version:
                    self._version = self._list(client)
                self._follow(client)
            except GoneError:
                self._version = ""
                self._wait(client)
            except RefusedError as error:
                self._say(f"{self.resource.kind}: {error.what}: {error.why}")
                self._wait(client)
            except UnreachableError as error:
                # The link says so itself when all is lost; a stream that broke goes on where it was.
                self._failed += not self._version
                if self._failed > 1:
                    self._say(f"{self.resource.kind}: {error.why or error.what}")
                self._wait(client)
            except Exception as error:
                # One object that is like no other must not silence the rest for good.
                self._version = ""
                self._say(f"{self.resource.kind}: cannot be understood: {error!r}")
                self._wait(client)

    def _list(self, client: ApiClient) -> str:
        """Hand over everything there is; returns the resourceVersion that a watch begins at."""
        keys: set[Key] = set()
        version = ""
        patience = PATIENCE_SECONDS[min(self._failed, len(PATIENCE_SECONDS) - 1)]
        for page in pages(client, self.resource.path, {"limit": str(CHUNK)} | self._selector(), patience):
            # That of the first page: whatever changed while the others were read comes again.
            version = version or str((page.get("metadata") or {}).get("resourceVersion", ""))
            items = [(key_of(item), self.resource.reduce(item)) for item in page.get("items") or ()]
            keys.update(key for key, _ in items)
            self._out(Chunk(self.resource.kind, items))
        self._say("")
        self._failed = 0
        self._out(Listed(self.resource.kind, frozenset(keys)))
        self._delay = FIRST_DELAY
        return version

    def _follow(self, client: ApiClient) -> None:
        """One watch, until the server ends it."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(random.randint(*WATCH_SECONDS)),
        }
        began, heard = time.monotonic(), False
        lines = client.watch(self.resource.path, query | self._selector(), idle=IDLE_SECONDS)
        with contextlib.closing(lines):  # type: ignore[type-var]
            for line in lines:
                if line:
                    self._take(line)
                    heard, self._delay = True, FIRST_DELAY
        if heard or time.monotonic() - began > SHORT_SECONDS:
            self._say("")
            self._delay = FIRST_DELAY
        else:
            self._wait(client)

    def _take(self, line: bytes) -> None:
        """One event; raises `GoneError` or `RefusedError` when it says so."""
        try:
            event = objects(line)
            kind, item = event["type"], event["object"]
            if kind == "ERROR":
                raise _refused(item, self.resource.path)
            version = item["metadata"]["resourceVersion"]
            if kind != "BOOKMARK":
                value = None if kind == "DELETED" else self.resource.reduce(item)
                self._out(Change(self.resource.kind, key_of(item), value))
            self._version = version
        except json.JSONDecodeError as error:
            raise UnreachableError("the answer of the API makes no sense", where=self.resource.path) from error

    def _selector(self) -> dict[str, str]:
        return {"fieldSelector": self.resource.fields} if self.resource.fields else {}

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._out(Trouble(self.resource.kind, trouble))

    def _wait(self, client: ApiClient) -> None:
        """Back off, longer each time; half of it is chance, so that watches do not come back in step."""
        self._clients.pause(self._delay * random.uniform(0.5, 1.0), client)
        self._delay = min(LONGEST_DELAY, self._delay * 2)


def pages(client: ApiClient, path: str, query: dict[str, str], patience: float) -> Iterator[Raw]:
    """The pages of a list; the server makes the next one while this one is looked at.

    Where to go on stands before the objects, so that it can be read without reading them. `patience` is in seconds.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="yk8s-pages") as pool:

        def ask(more: dict[str, str]) -> Future[bytes]:
            return pool.submit(client.get_body, path, query | more, read=patience)

        ahead: Future[bytes] | None = ask({})
        while ahead is not None:
            body = ahead.result()
            ahead = None
            head = CONTINUE.search(body, 0, body.find(b'"items"'))
            if head:
                ahead = ask({"continue": json.loads(head.group(1))})
            page = parsed(body, path)
            del body
            yield page
            token = (page.get("metadata") or {}).get("continue")
            if token and ahead is None:
                ahead = ask({"continue": token})


def key_of(item: Mapping[str, Any]) -> Key:
    """(namespace, name), or (name,) of what has no namespace."""
    meta = item["metadata"]
    namespace = meta.get("namespace")
    return (namespace, meta["name"]) if namespace else (meta["name"],)


def _refused(status: Mapping[str, Any], path: str) -> Yk8sError:
    code = int(status.get("code") or 0)
    kind = GoneError if code == 410 else RefusedError
    return kind(code, str(status.get("message", "")), path)
