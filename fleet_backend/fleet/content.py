"""Does this content speak of one rider? Pure: bodies of statements, messages, records.

It does where it holds one of his names, or what his vehicle measured during one of his rides.
Who was erased has no name any more: digests of the ids of his grants and commands find him.
Nothing needs to be well-formed: what cannot be decoded is searched all the same.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from fleet_backend.fleet.rides import Ride
from fleet_backend.fleet.trace import Trace
from protocol import cbor, command, statement
from protocol.errors import DecodeError

MAX_BODY_BYTES = 65_535
_FEW = 200
# A byte string of CBOR as long as the id of a grant or command, or the hash of a code.
_ID = re.compile(b"(?=%c(.{%d}))" % (0x40 + command.ID_BYTES, command.ID_BYTES), re.DOTALL)


class Content:
    """Looks for one rider; made once, asked for many."""

    def __init__(self, finds: Callable[[bytes], bool], rides: Iterable[Ride]) -> None:
        """`finds` says whether one of his names is in these bytes."""
        self._finds = finds
        self._rides: dict[bytes, list[Ride]] = {}
        for ride in rides:
            self._rides.setdefault(cbor.encode(ride.vehicle), []).append(ride)

    def speaks_of_him(self, data: bytes) -> bool:
        """Is it in these bytes, as they stand?"""
        return self.names_him(data) or any(self._measured(data))

    def names_him(self, data: bytes) -> bool:
        """Is one of his names in these bytes?"""
        return self._finds(data)

    def only_of_him(self, data: bytes) -> bool:
        """Is each of the body's records part of his rides, or named by his commands?"""
        try:
            items = statement.decode_records(data)
        except DecodeError:
            return True  # a grant: one document
        return all(self.speaks_of_him(item) for item in items)

    def in_message(self, data: bytes) -> bool:
        """Is it in a message of a gateway, whose body travels compressed?"""
        if self.speaks_of_him(data):
            return True
        try:
            _, _, packed = statement.decode_message(data)
        except DecodeError:
            return False
        body = inflate(packed)
        return body is not None and self.speaks_of_him(body)

    def _measured(self, data: bytes) -> Iterator[bool]:
        """Whether each record of his vehicles falls into a ride.

        A record is `[1, vehicle, boot, seq, ...]`, and no encoding hides it: the name of the
        vehicle is followed by the two numbers.
        """
        for name, rides in self._rides.items():
            at = data.find(name)
            while at >= 0:
                boot, end = _uint(data, at + len(name))
                seq, _ = _uint(data, end)
                if boot is not None and seq is not None:
                    yield any(ride.holds(ride.vehicle, (boot, seq)) for ride in rides)
                at = data.find(name, at + 1)


def of(trace: Trace) -> Content:
    """The content that speaks of this rider."""
    return Content(_finder(trace.names), trace.rides)


def _finder(names: Sequence[bytes]) -> Callable[[bytes], bool]:
    """Is one of these names in some bytes? A pattern tries them one after the other at each place,
    which is quick for a few; a year of rides has thousands."""
    if len(names) <= _FEW:
        pattern = re.compile(b"|".join(map(re.escape, names)))
        return lambda data: pattern.search(data) is not None
    size = min(map(len, names))
    beginnings = frozenset(name[:size] for name in names)  # random: no two begin alike by chance
    return lambda data: (
        not beginnings.isdisjoint(data[at : at + size] for at in range(len(data) - size + 1))
    )


def of_ids(wanted: Callable[[bytes], bool], rides: Iterable[Ride]) -> Content:
    """The content with an id that is wanted, or with a place of these rides."""
    return Content(lambda data: any(wanted(found[1]) for found in _ID.finditer(data)), rides)


def inflate(packed: bytes) -> bytes | None:
    """A compressed body, or None where it is damaged or too large."""
    stream = zlib.decompressobj()
    try:
        body = stream.decompress(packed, MAX_BODY_BYTES + 1)
    except zlib.error:
        return None
    return body if len(body) <= MAX_BODY_BYTES else None


def _uint(data: bytes, at: int) -> tuple[int | None, int]:
    """(unsigned integer of CBOR at a place or None, where it ends)."""
    if at >= len(data) or data[at] > 0x1B:
        return None, at
    head = data[at]
    if head < 0x18:
        return head, at + 1
    size = 1 << (head - 0x18)
    return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size
