"""Records on their way to the gateway: sealed, in order, kept until the gateway has them.

Memory is bounded by kind. Telemetry gives way first and is counted (LOST); then refusals and
faults; what changes the lock always has room, because no command is executed without it.
"""

from protocol import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from vcu.journal import Journal

    Kept = tuple[int, int, bytes, bool]  # boot, seq, sealed record, is on flash

WINDOW = 8
RESEND_MS = 2_000
TELEMETRY_BYTES = 5_000
MINOR_BYTES = 9_000
COMMAND_BYTES = 10_000
MOST_BYTES = 12_000

_ROOM = {
    record.TELEMETRY: TELEMETRY_BYTES,
    record.LOST: MINOR_BYTES,
    record.REFUSAL: MINOR_BYTES,
    record.FAULT: MINOR_BYTES,
    record.HEALTH: MINOR_BYTES,
    record.EGRESS: MINOR_BYTES,
    record.BOOT: MOST_BYTES,
    record.LOCK: MOST_BYTES,
    record.ANSWER: MOST_BYTES,
}


class Outbox:
    """`tag` is the HMAC of the vehicle's record key, or None: then nothing is recorded."""

    def __init__(
        self,
        vehicle: str,
        boot: int,
        tag: "Callable[[bytes], bytes] | None",
        journal: "Journal",
        time: "Callable[[], int]",
    ) -> None:
        self._vehicle = vehicle
        self._boot = boot
        self._tag = tag
        self._journal = journal
        self._time = time
        self._seq = 0
        self._entries: list[Kept] = []
        self._bytes = 0
        self._sent = 0  # how many of the first entries are in flight
        self._sent_up_to = (0, 0)
        self._progress_ms = 0
        self._lost = 0
        self.journal_failed = False

    def restore(self, replayed: "list[tuple[int, int, bytes]]") -> int:
        """Take over what earlier boots left unsent. Returns how many."""
        self.journal_failed = self._journal.torn
        for boot, seq, data in replayed:
            self._entries.append((boot, seq, data, True))
            self._bytes += len(data)
        return len(replayed)

    def has_room(self) -> bool:
        """Is there room for a session's records? Without it no command is taken."""
        return self._bytes < COMMAND_BYTES

    def is_away(self, now_ms: int) -> bool:
        """Has nobody taken records for long?"""
        return False

    def record(
        self, kind: int, body: "dict[int, Any]", now_ms: int, durable: bool | None = None
    ) -> bool:
        """Seal and keep a record; events are on flash when this returns. False: no room.

        `durable` says whether it goes to flash, where that is not for its kind to say.
        """
        if self._tag is None:
            return False
        if self._bytes >= _ROOM[kind]:
            self._lost += kind == record.TELEMETRY
            return False
        if kind == record.TELEMETRY and self._lost:
            self._keep(record.LOST, {0: self._lost}, now_ms)
            self._lost = 0
        self._keep(kind, body, now_ms, kind != record.TELEMETRY if durable is None else durable)
        return True

    def _keep(self, kind: int, body: "dict[int, Any]", now_ms: int, durable: bool = True) -> None:
        seq = self._seq
        made = record.Record(self._vehicle, self._boot, seq, now_ms, self._time(), kind, body)
        data = record.encode(made, self._tag)
        on_flash = durable and self._append(seq, data)
        self._seq += 1
        self._entries.append((self._boot, seq, data, on_flash))
        self._bytes += len(data)

    def _append(self, seq: int, data: bytes) -> bool:
        try:
            if self.journal_failed:  # what failed may have left half a frame: write anew
                self._journal.compact(self._on_flash())
                self.journal_failed = False
            self._journal.append(self._boot, seq, data)
        except OSError:  # flash is full or failing: the record still goes out from memory
            self.journal_failed = True
            return False
        return True

    def _on_flash(self) -> "list[tuple[int, int, bytes]]":
        return [entry[:3] for entry in self._entries if entry[3]]

    def next(self, now_ms: int) -> "Kept | None":
        """(boot, seq, record, ...) to send now, or None: nothing there, or 8 are in flight."""
        if self._sent and now_ms - self._progress_ms >= RESEND_MS:
            self.rewind(now_ms)
        if self._sent >= min(WINDOW, len(self._entries)):
            return None
        return self._entries[self._sent]

    def sent(self, entry: "Kept", now_ms: int) -> None:
        """The whole of what `next` gave left the board."""
        self._sent_up_to = max(self._sent_up_to, entry[:2])
        if self._sent >= len(self._entries) or self._entries[self._sent][:2] != entry[:2]:
            return  # it was stored while it was being sent again
        if self._sent == 0:
            self._progress_ms = now_ms
        self._sent += 1

    def rewind(self, now_ms: int) -> None:
        """Send again from the first record that is not stored."""
        self._sent = 0
        self._progress_ms = now_ms

    def stored(self, up_to: "tuple[int, int]", now_ms: int) -> None:
        """The gateway has everything up to (boot, seq). What was never sent is not believed."""
        limit = min((up_to[0], up_to[1]), self._sent_up_to)
        count = 0
        flash = False
        while count < len(self._entries) and self._entries[count][:2] <= limit:
            self._bytes -= len(self._entries[count][2])
            flash = flash or self._entries[count][3]
            count += 1
        if not count:
            return
        self._entries = self._entries[count:]
        self._sent = max(0, self._sent - count)
        self._progress_ms = now_ms
        if flash:
            self._mark(limit)

    def _mark(self, limit: "tuple[int, int]") -> None:
        try:
            self._journal.stored(limit[0], limit[1], self._on_flash())
        except OSError:  # they are sent again after a restart; the gateway keeps each once
            self.journal_failed = True
