"""Records that cannot be read: told in the chain once each, and seldom. Pure."""

import hashlib
from collections import OrderedDict

_REMEMBERED = 64
_INTERVAL_S = 60.0


class Refusals:
    """A vehicle sends again what is not stored, so the same bytes come back every two seconds."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._count = 0
        self._reason = ""
        self._next_s = 0.0

    def add(self, data: bytes, reason: str) -> None:
        """Note a refusal; bytes that were refused before change nothing."""
        digest = hashlib.sha256(data).digest()
        if digest in self._known:
            self._known.move_to_end(digest)
            return
        self._known[digest] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        self._count += 1
        self._reason = reason

    def due(self, now_s: float) -> str | None:
        """The text of a GATEWAY statement, at most one a minute; None when there is none."""
        if not self._count or now_s < self._next_s:
            return None
        text = f"{self._count} records refused, the last one: {self._reason}"
        self._count = 0
        self._next_s = now_s + _INTERVAL_S
        return text
