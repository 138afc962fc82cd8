"""Every key of the screen as a command of the palette."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider


class KeysProvider(Provider):
    """What the keys that work now do, searchable by words."""

    def _commands(self) -> list[tuple[str, str, partial[Coroutine[Any, Any, bool]]]]:
        found: dict[str, tuple[str, str, partial[Coroutine[Any, Any, bool]]]] = {}
        for node, binding, enabled, tooltip in self.screen.active_bindings.values():
            if not enabled or not binding.description or binding.action in found or binding.system:
                continue
            key = self.app.get_key_display(binding)
            run = partial(self.app.run_action, binding.action, node)
            found[binding.action] = (f"{binding.description}  ({key})", tooltip or binding.tooltip, run)
        return list(found.values())

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for name, text, run in self._commands():
            yield DiscoveryHit(name, run, help=text)

    async def search(self, query: str) -> Hits:
        """What matches the words typed."""
        matcher = self.matcher(query)
        for name, text, run in self._commands():
            if (score := matcher.match(name)) > 0:
                yield Hit(score, matcher.highlight(name), run, help=text)
