"""The records that the gateway does not have yet, on flash: events, and samples of telemetry.

Two sequences of files, because events are kept and samples give way. A few numbers in the file
`mark` say what is stored: it is written seldom, so after a restart a few records are sent again.
"""

import binascii
import struct

from vcu.flash import files
from vcu.flash.segments import BEFORE_ALL, Segments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from vcu.flash.files import Damage
    from vcu.flash.segments import Name

MOST_FILES = 24  # of both kinds; 288 KiB
MARK_EVERY = 16
_FEWEST_SAMPLES = 4  # files that events do not push out
_MARK = ">IIIII"  # boot, seq, samples lost, file that is being given up, CRC-32 of these
_MARK_BYTES = 20


class Journal:
    """In `folder` ("" or ending with a slash)."""

    def __init__(self, folder: str, damage: "Damage", most_files: int = MOST_FILES) -> None:
        self._folder = folder
        self._path = folder + "mark"
        self._damage = damage
        self._most = most_files
        self.events = Segments(folder, "events", damage)
        self.samples = Segments(folder, "samples", damage)
        self.stored: Name = BEFORE_ALL
        self._marked: Name = BEFORE_ALL  # what the mark says of it
        self.lost = 0  # samples given up that no LOST record tells of yet
        self.thinned = 0  # samples given up since the start
        self._giving_up = 0  # number of the file
        self._unmarked = 0  # records stored since the mark was written
        self.newest_boot = 0

    def open(self) -> None:
        """Find what earlier boots left."""
        for _ in self.open_steps():
            pass

    def open_steps(self) -> "Iterator[None]":
        """The same in short pieces."""
        self._read_mark()
        # The number of a file that is being given up must not come back before the mark is new.
        self.samples.never_again(self._giving_up)
        yield from self.events.scan()
        yield from self.samples.scan()
        for step in (self._take_first_version, self._finish_giving_up, self._forget_stored):
            yield
            try:
                step()
            except OSError:
                pass  # tried again when more is stored, or at the next start
        self.newest_boot = max(self.events.last, self.samples.last, self.stored)[0]

    def unsent(self) -> int:
        return self.events.unsent() + self.samples.unsent()

    def peek(self, after: "Name") -> "tuple[int, int, bytes] | None":
        """(boot, seq, record): the first one above `after`, of either kind."""
        event = self.events.peek(after)
        sample = self.samples.peek(after)
        if event is None or (sample is not None and sample[:2] < event[:2]):
            return sample
        return event

    # --- writing ---

    def has_room_for_events(self, of_8: int) -> bool:
        """Do the events take less than `of_8` eighths of what they may take at most?"""
        return len(self.events.numbers) * 8 < (self._most - _FEWEST_SAMPLES) * of_8

    def has_room_for_sample(self) -> bool:
        """Also where older samples have to be given up for it."""
        return not self.samples.begins() or self._files() < self._most or self._make_room()

    def append(self, is_sample: bool, boot: int, seq: int, data: bytes) -> None:
        """On return it is on flash. Raises OSError."""
        kept = self.samples if is_sample else self.events
        if kept.begins() and self._files() >= self._most:
            self._make_room()
        try:
            kept.append(boot, seq, data)
        except OSError as error:
            if error.errno != files.FULL or not self._make_room():
                raise
            kept.append(boot, seq, data)

    def _files(self) -> int:
        return len(self.events.numbers) + len(self.samples.numbers)

    def _make_room(self) -> bool:
        try:
            return self._give_up_samples()
        except OSError:
            return False

    def _give_up_samples(self) -> bool:
        """Remove one file of old samples and count them. False: there is none to spare."""
        if not self._giving_up:
            index = victim(self.samples.numbers)
            if index < 0:
                return False
            lost, number = self.samples.counts[index], self.samples.numbers[index]
            # 1. Power goes after this: the next start removes the file, and counts it once.
            self._write_mark(self.lost + lost, number)
            self.lost += lost
            self.thinned += lost
            self._giving_up = number
        # 2. Power goes after this: the file is gone, and the mark has counted it.
        self._finish_giving_up()
        return True

    def _finish_giving_up(self) -> None:
        if self._giving_up in self.samples.numbers:
            self.samples.drop(self.samples.numbers.index(self._giving_up))
        self._giving_up = 0

    # --- forgetting ---

    def advance(self, limit: "Name") -> None:
        """Up to `limit` the gateway has everything. Raises OSError."""
        before = self.unsent()
        self.stored = max(self.stored, limit)
        self._forget_stored()
        self._unmarked += before - self.unsent()
        # With nothing left to send there is nothing that a mark would save from being sent again.
        if self._unmarked >= MARK_EVERY and self.unsent():
            self._write_mark(self.lost, self._giving_up)
            self._unmarked = 0

    def told(self, lost: int, on_flash: bool) -> None:
        """A LOST record tells of so many of `lost`. Raises OSError."""
        self.lost -= lost
        # Power goes before this, or the record is in memory only: the next start tells once more.
        if lost and on_flash:
            self._write_mark(self.lost, self._giving_up)

    def _forget_stored(self) -> None:
        self.events.advance(self.stored)
        self.samples.advance(self.stored)

    # --- the mark, and what version 1 left ---

    def _read_mark(self) -> None:
        try:
            data = files.read(self._path, _MARK_BYTES)
        except OSError:
            data = b""
        if data is None:
            return
        if len(data) != _MARK_BYTES or binascii.crc32(data[:-4]) != _last_number(data):
            self._damage.note("mark")
            return
        boot, seq, self.lost, self._giving_up, _ = struct.unpack(_MARK, data)
        self.stored = self._marked = (boot, seq)

    def _write_mark(self, lost: int, giving_up: int) -> None:
        # What hides in a file of before may not be stored, though later ones are: the mark waits.
        if not (self.events.hides or self.samples.hides):
            self._marked = self.stored
        data = struct.pack(_MARK[:-1], self._marked[0], self._marked[1], lost, giving_up)
        files.write(self._path, data + struct.pack(">I", binascii.crc32(data)))

    def _take_first_version(self) -> None:
        path = self._folder + "journal"
        if files.exists(path):
            from vcu.flash import first_version  # once in a vehicle's life

            first_version.take_journal(path, self)


def victim(numbers: "list[int]") -> int:
    """Which file of samples goes: its index, -1 if none.

    The one whose going leaves the shortest gap for its age, so that a trace of old times stays and
    is the thinner the older it is. The first two may be on their way, the last one grows.
    """
    best = -1
    best_span, best_age = 1, 0
    for index in range(2, len(numbers) - 1):
        span = numbers[index + 1] - numbers[index - 1]
        age = numbers[-1] - numbers[index]
        if span * best_age < best_span * age:
            best, best_span, best_age = index, span, age
    return best


def _last_number(data: bytes) -> int:
    return int(struct.unpack(">I", data[-4:])[0])
