"""Records in files that only grow and go as a whole: one sequence in the order of (boot, seq).

A frame is size (2 bytes), CRC-32 of what follows (4), boot (4), seq (4), record. What a file gets
is durable when the file is closed: littlefs takes all of it or nothing. Memory holds where things
begin and end, and the one record that is to be sent next.
"""

import binascii
import os
import struct

from vcu.flash import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, Iterator

    from vcu.flash.files import Damage

    Name = tuple[int, int]

SEGMENT_BYTES = 12_000  # three blocks of 4 KiB, to which the last record may be added
MOST_RECORD = 1_000
BEFORE_ALL = (0, 0)
_HEAD = 14


class Segments:
    """The files of the folder `name`, called by ascending numbers."""

    def __init__(self, folder: str, name: str, damage: "Damage") -> None:
        self._folder = folder + name
        self._name = name
        self._damage = damage
        self._has_folder = False
        self.hides = False  # a file could not be read; what is in it may never have been sent
        self.numbers: list[int] = []
        self.counts: list[int] = []  # records that are not stored, by file
        self.last: Name = BEFORE_ALL  # nothing above this is to be found
        self._first: Name = BEFORE_ALL  # nothing below this is to be found
        self._start = 0  # in the first file: what is before it is stored
        self._size = 0  # of the last file
        self._grows = False  # False: the next record begins a file
        self._next = 1
        # The first record above `_after`, and where to look for the one behind it.
        self._head: tuple[int, int, bytes] | None = None
        self._after: Name = BEFORE_ALL
        self._at = 0
        self._offset = 0

    def unsent(self) -> int:
        return sum(self.counts)

    def begins(self) -> bool:
        """Does the next record begin a file?"""
        return not self._grows or self._size >= SEGMENT_BYTES

    # --- writing ---

    def append(self, boot: int, seq: int, data: bytes) -> None:
        """On return it is on flash. Raises OSError: then it may be there or not, and whoever
        appends it again in the same place in the order does no harm."""
        begins = self.begins()
        number = self._next if begins else self.numbers[-1]
        # What a write leaves behind that fails is not known: nothing is ever put behind it.
        self._grows = False
        if begins:
            self._next += 1
            self._make_folder()
        frame = _frame(boot, seq, data)
        try:
            # Power goes before the file is closed: it is as it was. After: the record is in it.
            with open(self._path(number), "ab") as file:
                file.write(frame)
        except OSError:
            if begins:
                self._give_up(number)
            raise
        self._wrote((boot, seq), number, len(frame), begins)

    def _wrote(self, name: "Name", number: int, size: int, begins: bool) -> None:
        if begins:
            if not self.numbers:
                self._start, self._first = 0, name
            self.numbers.append(number)
            self.counts.append(0)
            self._size = 0
        self._size += size
        self.counts[-1] += 1
        self.last = max(self.last, name)
        self._grows = True

    def _give_up(self, number: int) -> None:
        try:
            files.remove(self._path(number))
        except OSError:
            pass  # found at the next start; its number is not used again

    def _make_folder(self) -> None:
        if not self._has_folder:
            try:
                os.mkdir(self._folder)
            except OSError as error:
                if error.errno != files.EXISTS:
                    return  # opening the file will say why; tried again with the next one
            self._has_folder = True

    # --- reading ---

    def peek(self, after: "Name") -> "tuple[int, int, bytes] | None":
        """(boot, seq, record): the first one above `after`."""
        if self.last <= after or not self.numbers:
            return None
        head = self._head
        if head and self._after <= after < head[:2]:
            return head
        if after < self._after or self._at < self.numbers[0]:
            self._at, self._offset = self.numbers[0], self._start
        self._after = after
        self._head = self._look(after)
        if self._head is None:
            self.last = after  # what was there has become unreadable
        return self._head

    def _look(self, after: "Name") -> "tuple[int, int, bytes] | None":
        index = 0
        while index < len(self.numbers):
            number = self.numbers[index]
            if number > self._at:
                self._at, self._offset = number, 0
            found = None
            if number == self._at:
                try:
                    found = self._look_in(number, after)
                except OSError:
                    self._pass_over(index)
                    continue
            if found:
                return found
            index += 1
        return None

    def _look_in(self, number: int, after: "Name") -> "tuple[int, int, bytes] | None":
        with open(self._path(number), "rb") as file:
            file.seek(self._offset)
            frame = _read(file)
            while frame is not None:
                size, boot, seq, data = frame
                self._offset += size
                if data is not None and (boot, seq) > after:
                    return boot, seq, data
                frame = _read(file)
        return None

    # --- forgetting ---

    def advance(self, limit: "Name") -> None:
        """Up to `limit` everything is stored elsewhere. Raises OSError where a file cannot be
        removed; that is tried again with the next one that is stored."""
        while self.numbers and self._first <= limit:
            try:
                ended = self._pass(limit)
            except OSError:
                self._pass_over(0)
                continue
            if not ended:
                return
            # Power goes before this line: the records are sent again. After: they are gone.
            self.drop(0)

    def _pass(self, limit: "Name") -> bool:
        """In the first file, go beyond what is stored. True at its end."""
        with open(self._path(self.numbers[0]), "rb") as file:
            file.seek(self._start)
            frame = _read(file)
            while frame is not None:
                size, boot, seq, data = frame
                if data is not None and (boot, seq) > limit:
                    self._first = (boot, seq)
                    return False
                if data is not None and (boot, seq) >= self._first:
                    self._first = (boot, seq + 1)
                    self.counts[0] -= 1
                self._start += size
                frame = _read(file)
        return True

    def drop(self, index: int) -> None:
        """Remove a whole file. Raises OSError."""
        files.remove(self._path(self.numbers[index]))
        self._leave(index)

    def _pass_over(self, index: int) -> None:
        # It cannot be read. It stays on flash, and may be readable at the next start.
        self._hide()
        self._leave(index)

    def _hide(self) -> None:
        self.hides = True
        self._damage.note(self._name)

    def _leave(self, index: int) -> None:
        if index == len(self.numbers) - 1:
            self._grows = False
        del self.numbers[index]
        del self.counts[index]
        if index == 0:
            self._start = 0

    # --- start ---

    def scan(self) -> "Iterator[None]":
        """Find what earlier boots left, one file a step."""
        try:
            found = os.listdir(self._folder)
        except OSError:
            return  # nothing was written yet
        self._has_folder = True
        for number in sorted([int(name) for name in found if name.isdigit()]):
            self._next = number + 1
            try:
                self._scan_file(number)
            except OSError:
                self._hide()
            yield

    def never_again(self, number: int) -> None:
        """No file gets this number, or a lower one."""
        self._next = max(self._next, number + 1)

    def _scan_file(self, number: int) -> None:
        end = 0
        count = 0
        whole = True
        with open(self._path(number), "rb") as file:
            frame = _read(file)
            while frame is not None:
                size, boot, seq, data = frame
                end += size
                whole = whole and data is not None
                if data is not None and (boot, seq) > self.last:
                    self.last = (boot, seq)
                    count += 1
                frame = _read(file)
            whole = whole and file.seek(0, 2) == end
        if not whole:
            self._damage.note(self._name)
        self.numbers.append(number)
        self.counts.append(count)
        self._size = end
        self._grows = whole

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number}"


def _frame(boot: int, seq: int, data: bytes) -> bytes:
    named = struct.pack(">II", boot, seq) + data
    return struct.pack(">HI", len(data), binascii.crc32(named)) + named


def _read(file: "BinaryIO") -> "tuple[int, int, int, bytes | None] | None":
    """(size of the frame, boot, seq, record) at this place; the record is None where its check
    does not hold. None at the end, and where nothing says where the next frame begins."""
    head = file.read(_HEAD)
    if len(head) < _HEAD:
        return None
    size, check, boot, seq = struct.unpack(">HIII", head)
    if not 0 < size <= MOST_RECORD:
        return None
    data = file.read(size)
    if len(data) < size:
        return None
    held = binascii.crc32(data, binascii.crc32(head[6:])) == check
    return _HEAD + size, boot, seq, data if held else None
