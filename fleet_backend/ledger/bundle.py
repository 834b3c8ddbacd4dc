"""Entry bundles: each entry a big-endian uint16 length and its bytes (C2SP tlog-tiles).

Refuses a bundle with another number of entries than its coordinates say, and anything left over.
"""

from collections.abc import Iterable

from .errors import BundleError, EntryError

MAX_ENTRY_BYTES = 65_535


def encode_entry(entry: bytes) -> bytes:
    """One entry as it stands in a bundle. Raises EntryError if it is no bytes or too long."""
    if not isinstance(entry, bytes):
        raise EntryError(f"an entry is bytes, not {type(entry).__name__}")
    if len(entry) > MAX_ENTRY_BYTES:
        raise EntryError(f"entry of {len(entry)} bytes; at most {MAX_ENTRY_BYTES} fit")
    return len(entry).to_bytes(2, "big") + entry


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Bundle of `entries`."""
    return b"".join(map(encode_entry, entries))


def decode_bundle(data: bytes, count: int) -> list[bytes]:
    """The `count` entries of a bundle. Raises BundleError."""
    entries: list[bytes] = []
    at, end = 0, len(data)
    while at < end and len(entries) < count:
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > end or at > end:
            raise BundleError(f"entry {len(entries)} of the bundle is cut off")
        entries.append(data[start:at])
    if len(entries) != count:
        raise BundleError(f"bundle of {len(entries)} entries where {count} are due")
    if at != end:
        raise BundleError(f"{end - at} bytes after the last entry of the bundle")
    return entries
