"""Refusals as records, at a bounded rate: who floods the vehicle fills no memory and no log."""

from protocol import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PER_MINUTE = 10
_COST_MS = 60_000 // PER_MINUTE
_BURST_MS = 60_000
SHOWN_MS = 8_000


class Refusals:
    """Ten in a burst, then one every six seconds; the others are counted in the next one."""

    def __init__(self, outbox: "Any") -> None:
        self._outbox = outbox
        self._credit_ms = _BURST_MS
        self._at_ms = 0
        self._unrecorded = 0
        self.untold = 0  # in all
        self.last_code = 0
        self._shown_until_ms = 0

    def refuse(self, code: int, asked: "Any", now_ms: int) -> None:
        """`asked` is the decoded presentation, None where it could not be read."""
        self.last_code = code
        self._shown_until_ms = now_ms + SHOWN_MS
        self._credit_ms = min(_BURST_MS, self._credit_ms + now_ms - self._at_ms)
        self._at_ms = now_ms
        if self._credit_ms < _COST_MS or not self._outbox.record(
            record.REFUSAL, self._body(code, asked), now_ms
        ):
            self._unrecorded += 1
            self.untold += 1
            return
        self._credit_ms -= _COST_MS
        self._unrecorded = 0

    def shown(self, now_ms: int) -> int:
        """The last code while the panel should show it, then 0."""
        return self.last_code if now_ms < self._shown_until_ms else 0

    def _body(self, code: int, asked: "Any") -> dict[int, object]:
        return {
            0: asked.command_id if asked else b"",
            1: code,
            2: asked.command.action if asked else 0,
            3: self._unrecorded,
        }
