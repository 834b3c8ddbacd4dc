"""The write-ahead file: one record a batch, each with its first index and a SHA-256 over it all.

A record that is cut off or damaged at the end was never acknowledged and is dropped; one that is
damaged with a good one behind it is refused.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from .bundle import MAX_ENTRY_BYTES, decode_bundle, encode_bundle
from .errors import BundleError, EntryError, LogCorruptError
from .storage import storage_errors, sync_folder, write_all

MAGIC = b"TFWAL\x01\r\n"
MAX_BATCH_ENTRIES = 65_536
_HEADER_BYTES = len(MAGIC) + 8 + 4 + 8
_DIGEST_BYTES = 32


@dataclass(frozen=True)
class Batch:
    """Entries that stand or fall together, and the index of the first."""

    first: int
    entries: tuple[bytes, ...]

    @property
    def end(self) -> int:
        return self.first + len(self.entries)


def checked_entries(entries: Sequence[bytes]) -> tuple[bytes, ...]:
    """Entries that fit into one batch. Raises EntryError."""
    if len(entries) > MAX_BATCH_ENTRIES:
        raise EntryError(f"batch of {len(entries)} entries; at most {MAX_BATCH_ENTRIES} fit")
    for number, entry in enumerate(entries):
        if not isinstance(entry, bytes) or len(entry) > MAX_ENTRY_BYTES:
            raise EntryError(f"entry {number} is not bytes of at most {MAX_ENTRY_BYTES}")
    return tuple(entries)


def encode_batch(batch: Batch) -> bytes:
    """Record of a batch."""
    payload = encode_bundle(batch.entries)
    head = MAGIC + batch.first.to_bytes(8, "big") + len(batch.entries).to_bytes(4, "big")
    record = head + len(payload).to_bytes(8, "big") + payload
    return record + sha256(record).digest()


def decode_batches(data: bytes) -> Iterator[Batch]:
    """Batches of a write-ahead file up to a torn end. Raises LogCorruptError for other damage."""
    at = 0
    while at < len(data):
        head = data[at : at + _HEADER_BYTES]
        if len(head) < _HEADER_BYTES or not head.startswith(MAGIC):
            return
        numbers = head[len(MAGIC) :]
        payload_end = at + _HEADER_BYTES + int.from_bytes(numbers[12:], "big")
        end = payload_end + _DIGEST_BYTES
        if sha256(data[at:payload_end]).digest() != data[payload_end:end]:
            # A torn write can only be the last one: nothing stands behind it.
            if end < len(data):
                raise LogCorruptError(f"write-ahead file is damaged at byte {at}")
            return
        yield _decode_batch(numbers, data[at + _HEADER_BYTES : payload_end])
        at = end


def _decode_batch(numbers: bytes, payload: bytes) -> Batch:
    first, count = int.from_bytes(numbers[:8], "big"), int.from_bytes(numbers[8:12], "big")
    try:
        return Batch(first, tuple(decode_bundle(payload, count)))
    except BundleError as error:
        raise LogCorruptError(f"write-ahead file, batch {first}: {error}") from error


class WriteAheadFile:
    """The file, open for appending. Truncated once it has grown past `max_bytes`."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._descriptor = -1
        self._size = 0

    def read(self) -> Iterator[Batch]:
        """Batches of the file, one at a time; none where there is no file."""
        with storage_errors("reading the write-ahead file"):
            data = self._path.read_bytes() if self._path.exists() else b""
        return decode_batches(data)

    def rewrite(self, batches: Sequence[Batch]) -> None:
        """Begin a new file that holds `batches`, and open it.

        New pages and a new inode: whether the old file's last fsync failed no longer matters, and a
        writer that still holds it writes into a file without a name.
        """
        self.close()
        fresh = self._path.with_name(self._path.name + ".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        with storage_errors("rewriting the write-ahead file"):
            self._descriptor = os.open(fresh, flags, 0o600)
            data = b"".join(map(encode_batch, batches))
            write_all(self._descriptor, data)
            os.fsync(self._descriptor)
            fresh.replace(self._path)
            sync_folder(self._path.parent)
        self._size = len(data)

    def append(self, batch: Batch) -> None:
        """Add a batch; it is on disk when this returns."""
        data = encode_batch(batch)
        with storage_errors("appending to the write-ahead file"):
            write_all(self._descriptor, data)
            os.fsync(self._descriptor)
        self._size += len(data)

    def trim(self) -> None:
        """Empty a file that has grown large. Only when every batch in it is published."""
        if self._size <= self._max_bytes:
            return
        with storage_errors("truncating the write-ahead file"):
            os.ftruncate(self._descriptor, 0)
            os.fsync(self._descriptor)
        self._size = 0

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
