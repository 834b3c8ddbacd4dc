"""Records that the gateway does not have yet, on flash: they survive a restart.

A file of frames: size (2 bytes), check (first 4 bytes of the payload's SHA-256), payload. A payload
is `R` boot seq record, or `S` boot seq: everything up to there is stored. What follows a damaged
frame is not believed; it can only be the frame that the power cut short.
"""

import hashlib
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Entry = tuple[int, int, bytes]  # boot, seq, record

COMPACT_BYTES = 8_192
_NAME = "journal"
_HEAD = 6
_KEY = 9  # letter, boot, seq
MAX_FRAME = 1_024


class Journal:
    """Appends and compacts the file in `folder`. Methods raise OSError when flash fails."""

    def __init__(self, folder: str) -> None:
        self._path = folder + _NAME
        self._new = folder + _NAME + ".new"
        self._bytes = 0
        self.torn = False

    def replay(self) -> "list[Entry]":
        """[(boot, seq, record), ...] in order, without those that were stored since."""
        records: "list[Entry]" = []
        try:
            with open(self._path, "rb") as file:
                payload = self._read(file)
                while payload is not None:
                    records = _apply(records, payload)
                    payload = self._read(file)
        except OSError:
            return records  # no journal yet
        if self.torn:
            # Appending behind a torn frame would hide what is appended.
            self._repair(records)
        return records

    def _repair(self, records: "list[Entry]") -> None:
        try:
            self.compact(records)
        except OSError:
            pass  # full or failing: still torn, and the outbox tries again before it appends

    def append(self, boot: int, seq: int, record: bytes) -> None:
        """On return it is on flash: closing the file is what littlefs takes for durable."""
        self._append(_key(b"R", boot, seq) + record)

    def stored(self, boot: int, seq: int, left: "list[Entry]") -> None:
        """Up to (boot, seq) the gateway has it; `left` is what it does not have."""
        if self._bytes < COMPACT_BYTES:
            self._append(_key(b"S", boot, seq))
        else:
            self.compact(left)

    def compact(self, records: "list[Entry]") -> None:
        """Rewrite with these records only: [(boot, seq, record), ...]."""
        size = 0
        with open(self._new, "wb") as file:
            for boot, seq, record in records:
                frame = _frame(_key(b"R", boot, seq) + record)
                file.write(frame)
                size += len(frame)
        # Power goes before this line: the old journal is whole. After it: the new one is.
        os.rename(self._new, self._path)
        self._bytes = size
        self.torn = False

    def _append(self, payload: bytes) -> None:
        with open(self._path, "ab") as file:
            file.write(_frame(payload))
        self._bytes += _HEAD + len(payload)

    def _read(self, file: "Any") -> bytes | None:
        head = file.read(_HEAD)
        if not head:
            return None
        if len(head) == _HEAD:
            size = struct.unpack(">H", head[:2])[0]
            payload = file.read(size) if _KEY <= size <= MAX_FRAME else b""
            if len(payload) == size and _check(payload) == head[2:]:
                self._bytes += _HEAD + size
                return payload
        self.torn = True
        return None


def _apply(records: "list[Entry]", payload: bytes) -> "list[Entry]":
    boot, seq = struct.unpack(">II", payload[1:_KEY])
    if payload[:1] == b"S":
        return [item for item in records if (item[0], item[1]) > (boot, seq)]
    records.append((boot, seq, payload[_KEY:]))
    return records


def _key(letter: bytes, boot: int, seq: int) -> bytes:
    return letter + struct.pack(">II", boot, seq)


def _frame(payload: bytes) -> bytes:
    return struct.pack(">H", len(payload)) + _check(payload) + payload


def _check(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()[:4]
