"""Which descriptors are waited for, and for what; asking twice for the same costs nothing."""

from __future__ import annotations

import selectors
from collections.abc import Iterator

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Watcher:
    """A selector by number. A mask of 0 forgets the descriptor, which must still be open."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._masks: dict[int, int] = {}

    def watch(self, descriptor: int, mask: int = READ) -> None:
        known = self._masks.get(descriptor, 0)
        if mask == known:
            return
        if not mask:
            self._selector.unregister(descriptor)
            del self._masks[descriptor]
            return
        if known:
            self._selector.modify(descriptor, mask)
        else:
            self._selector.register(descriptor, mask)
        self._masks[descriptor] = mask

    def forget(self, descriptor: int) -> None:
        self.watch(descriptor, 0)

    def ready(self, patience_s: float | None) -> Iterator[int]:
        """What something can be done with; waits that long for it."""
        for key, _ in self._selector.select(patience_s):
            yield key.fd

    def close(self) -> None:
        self._selector.close()
