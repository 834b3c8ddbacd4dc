"""Records on their way to the gateway: sealed, sent in order, kept until the gateway has them.

Events are on flash when they are recorded. Telemetry is in memory, to spare the flash, unless it is
asked to be durable; old telemetry gives way first and is counted (LOST), then refusals and faults;
what changes the lock always has room, because no command is executed without it.
"""

from protocol import record

from vcu.flash.segments import BEFORE_ALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from vcu.flash.journal import Journal
    from vcu.flash.segments import Name

    Tag = Callable[[bytes], bytes]
    Entry = tuple[int, int, bytes, bool | None]

WINDOW = 8
RESEND_MS = 2_000
AWAY_MS = 30_000
# In memory: telemetry, and events that flash does not take.
TELEMETRY_BYTES = 1_500
MINOR_BYTES = 2_200
COMMAND_BYTES = 2_600
MOST_BYTES = 3_600
# On flash, in eighths of what events may take at most.
_MINOR_OF_8 = 6
_COMMAND_OF_8 = 7
_MOST_OF_8 = 8

_ESSENTIAL = (record.BOOT, record.LOCK, record.ANSWER)


class Outbox:
    """`tag` is the HMAC of the vehicle's record key, or None: then nothing is recorded."""

    def __init__(
        self,
        vehicle: str,
        boot: int,
        tag: "Tag | None",
        journal: "Journal",
        time: "Callable[[], int]",
    ) -> None:
        self._vehicle = vehicle
        self._boot = boot
        self._tag = tag
        self._journal = journal
        self._time = time
        self._seq = 0
        # (boot, seq, record, is it a sample for flash: True, an event for flash: False, None)
        self._waiting: list[Entry] = []
        self._bytes = 0
        self._flight: list[Name] = []  # what was sent in this round and is not stored
        self._after: Name = journal.stored  # the last one that was sent in this round, or stored
        self._stored: Name = journal.stored
        self._sent_up_to: Name = BEFORE_ALL
        self._progress_ms = 0
        self._waiting_since_ms = 0
        self._answered = False
        self._lost = 0
        self.journal_failed = False

    def restore(self) -> int:
        """How many records earlier boots left unsent."""
        return self._journal.unsent()

    def has_room(self) -> bool:
        """Is there room for a session's records? Without it no command is taken."""
        on_flash = self._journal.has_room_for_events(_COMMAND_OF_8)
        return self._bytes < COMMAND_BYTES and on_flash

    def is_away(self, now_ms: int) -> bool:
        """Has no gateway answered yet, or none for 30 s while something waits for it?"""
        return not self._answered or (self._has_something() and not self.is_awaited(now_ms))

    def is_awaited(self, now_ms: int) -> bool:
        """Does something wait, and did a gateway take anything in the last 30 s?"""
        return self._has_something() and now_ms - self._waiting_since_ms < AWAY_MS

    # --- recording ---

    def record(
        self, kind: int, body: "dict[int, Any]", now_ms: int, durable: "bool | None" = None
    ) -> bool:
        """Seal and keep a record; on flash when this returns if `durable`, or by its kind where
        that is None: events are, telemetry is not. False: no room."""
        if self._tag is None:
            return False
        if self.journal_failed:
            self._write()  # what could not be written before comes first
        sample = kind == record.TELEMETRY
        if sample:
            self._tell_lost(now_ms)
        on_flash = not sample if durable is None else durable
        if not self._has_room_for(kind, on_flash):
            self._lost += sample
            return False
        self._keep(kind, body, now_ms, sample if on_flash else None)
        return True

    def _has_room_for(self, kind: int, on_flash: bool) -> bool:
        if kind == record.TELEMETRY:
            # What fills the memory is no reason to keep nothing on flash.
            if on_flash and not self.journal_failed:
                return self._journal.has_room_for_sample()
            return self._bytes < TELEMETRY_BYTES
        essential = kind in _ESSENTIAL
        if self._bytes >= (MOST_BYTES if essential else MINOR_BYTES):
            return False
        of_8 = _MOST_OF_8 if essential else _MINOR_OF_8
        return not on_flash or self._journal.has_room_for_events(of_8)

    def _tell_lost(self, now_ms: int) -> None:
        given_up = self._journal.lost
        lost = self._lost + given_up
        # Once it is over: a record on flash for each sample that memory refuses costs more than
        # the sample.
        if not lost or self._bytes >= TELEMETRY_BYTES // 2:
            return
        if self.is_away(now_ms) or not self._has_room_for(record.LOST, True):
            return
        self._keep(record.LOST, {0: lost}, now_ms, False)
        self._lost = 0
        try:
            self._journal.told(given_up, not self.journal_failed)
        except OSError:
            self.journal_failed = True

    def _keep(
        self, kind: int, body: "dict[int, Any]", now_ms: int, for_flash: "bool | None"
    ) -> None:
        tag = self._tag
        seq = self._seq
        made = record.Record(self._vehicle, self._boot, seq, now_ms, self._time(), kind, body)
        data = record.encode(made, tag)
        self._seq += 1
        if not self._has_something():
            self._waiting_since_ms = now_ms
        self._waiting.append((self._boot, seq, data, for_flash))
        self._bytes += len(data)
        if for_flash is not None:
            self._write()

    def _write(self) -> None:
        """Put on flash the first record that is meant for it."""
        index = self._first_for_flash()
        if index >= 0:
            boot, seq, data, is_sample = self._waiting[index]
            try:
                self._journal.append(is_sample is True, boot, seq, data)
            except OSError:  # flash is full or failing: the record still goes out from memory
                self.journal_failed = True
                return
            del self._waiting[index]
            self._bytes -= len(data)
        self.journal_failed = self._first_for_flash() >= 0

    def _first_for_flash(self) -> int:
        for index in range(len(self._waiting)):
            if self._waiting[index][3] is not None:
                return index
        return -1

    # --- sending ---

    def next(self, now_ms: int) -> "tuple[int, int, bytes] | None":
        """(boot, seq, record) to send now, or None: nothing there, or 8 are in flight."""
        if self._flight and now_ms - self._progress_ms >= RESEND_MS:
            self.rewind(now_ms)
        if len(self._flight) >= WINDOW:
            return None
        kept = self._journal.peek(self._after)
        waiting = self._first_waiting()
        if waiting is None or (kept is not None and kept[:2] <= waiting[:2]):
            return kept
        return waiting[:3]

    def sent(self, entry: "tuple[int, int, bytes]", now_ms: int) -> None:
        """The whole of what `next` gave left the board."""
        name = entry[:2]
        self._sent_up_to = max(self._sent_up_to, name)
        if name <= self._after:
            return  # it was stored while it was being sent again
        if not self._flight:
            self._progress_ms = now_ms
        self._flight.append(name)
        self._after = name

    def rewind(self, now_ms: int) -> None:
        """Send again from the first record that is not stored."""
        self._flight = []
        self._after = self._stored
        self._progress_ms = now_ms

    def stored(self, up_to: "Name", now_ms: int) -> None:
        """The gateway has everything up to (boot, seq). What was never sent is not believed."""
        limit = min((up_to[0], up_to[1]), self._sent_up_to)
        if limit <= self._stored:
            return
        self._stored = limit
        self._after = max(self._after, limit)
        self._flight = [name for name in self._flight if name > limit]
        while self._waiting and self._waiting[0][:2] <= limit:
            self._bytes -= len(self._waiting[0][2])
            del self._waiting[0]
        self._answered = True
        self._progress_ms = self._waiting_since_ms = now_ms
        try:
            self._journal.advance(limit)
        except OSError:  # they are sent again after a restart; the gateway keeps each once
            self.journal_failed = True

    def _first_waiting(self) -> "Entry | None":
        for entry in self._waiting:
            if entry[1] > self._after[1] or entry[0] > self._after[0]:
                return entry
        return None

    def _has_something(self) -> bool:
        journal = self._journal
        return (
            len(self._waiting) > 0
            or journal.events.last > self._stored
            or journal.samples.last > self._stored
        )
