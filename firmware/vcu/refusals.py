"""Refusals as records, at a bounded rate: who floods the vehicle fills no memory and no log."""

from protocol import record

PER_MINUTE = 10
_COST_MS = 60_000 // PER_MINUTE
_BURST_MS = 60_000


class Refusals:
    """Ten in a burst, then one every six seconds; the others are counted in the next one."""

    def __init__(self, outbox):
        self._outbox = outbox
        self._credit_ms = _BURST_MS
        self._at_ms = 0
        self._unrecorded = 0
        self.last_code = 0

    def refuse(self, code: int, asked, now_ms: int) -> None:
        """`asked` is the decoded presentation, None where it could not be read."""
        self.last_code = code
        self._credit_ms = min(_BURST_MS, self._credit_ms + now_ms - self._at_ms)
        self._at_ms = now_ms
        if self._credit_ms < _COST_MS or not self._outbox.record(
            record.REFUSAL, self._body(code, asked), now_ms
        ):
            self._unrecorded += 1
            return
        self._credit_ms -= _COST_MS
        self._unrecorded = 0

    def _body(self, code: int, asked) -> dict:
        return {
            0: asked.command_id if asked else b"",
            1: code,
            2: asked.command.action if asked else 0,
            3: self._unrecorded,
        }
