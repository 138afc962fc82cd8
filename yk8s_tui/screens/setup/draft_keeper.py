"""Which answers are still to be written as a draft, and when nothing may be written at all."""

from __future__ import annotations

import threading
from typing import Any


class DraftKeeper:
    """Hands the latest answers to one writer at a time; every method may be called from any thread."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._unsaved: dict[str, Any] | None = None
        self._writing = False
        self._held = False

    def put(self, answers: dict[str, Any]) -> bool:
        """Keep these answers for the writer; True when a writer has to be started."""
        with self._change:
            self._unsaved = answers
            if self._writing or self._held:
                return False
            self._writing = True
            return True

    def take(self) -> dict[str, Any] | None:
        """What the writer has to write next; None ends the writer."""
        with self._change:
            answers = None if self._held else self._unsaved
            if answers is None:
                self._ended()
            else:
                self._unsaved = None
            return answers

    def failed(self) -> None:
        """The writer has ended with an error."""
        with self._change:
            self._ended()

    def hold(self) -> None:
        """Wait for the writer to end; no other is started before `release`."""
        with self._change:
            self._held = True
            while self._writing:
                self._change.wait()

    def release(self) -> None:
        """Drafts may be written again."""
        with self._change:
            self._held = False

    def _ended(self) -> None:
        self._writing = False
        self._change.notify_all()
