"""What version 1 left on the flash: the file `state` and the file `journal`. Loaded only where one
of them is there, so that an update costs no vehicle its owner and no record its place."""

import hashlib
import struct

from protocol import cbor, fields
from protocol.errors import DecodeError

from vcu.flash import files
from vcu.flash.state import State, owner_of, revoked_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from vcu.flash.journal import Journal

_HASH = 32
_HEAD = 6
_KEY = 9  # letter, boot, seq
_MOST_FRAME = 1_024


def decode_state(data: bytes) -> State:
    """CBOR map and its SHA-256. Raises DecodeError."""
    body = data[:-_HASH]
    if len(data) <= _HASH or hashlib.sha256(body).digest() != data[-_HASH:]:
        raise DecodeError("hash", "state")
    value = fields.map_of(cbor.decode(body), "state", range(8))
    fields.version(value[0], "state.version")
    state = State(fields.octets(value[1], "state.provisioning", _HASH))
    state.boot = fields.uint(value[2], "state.boot", fields.MAX_TIME)
    state.generation = fields.uint(value[3], "state.generation", fields.MAX_TIME)
    state.time_floor = fields.uint(value[4], "state.time_floor", fields.MAX_TIME)
    state.owner = owner_of(value[5])
    state.revoked = revoked_of(value[6])
    state.odometer_m = fields.uint(value[7], "state.odometer_m")
    return state


def take_journal(path: str, journal: "Journal") -> None:
    """Move the records of the old file that were not stored into the journal. Raises OSError."""
    # Power goes anywhere in here: what was moved is known by its name, the rest is moved next time.
    stored = (0, 0)
    with open(path, "rb") as file:
        payload = _read(file)
        while payload is not None:
            if payload[:1] == b"S":
                stored = _name(payload)
            payload = _read(file)
    with open(path, "rb") as file:
        payload = _read(file)
        while payload is not None:
            name = _name(payload)
            if payload[:1] == b"R" and name > stored and name > journal.events.last:
                journal.events.append(name[0], name[1], payload[_KEY:])
            payload = _read(file)
    files.remove(path)


def _name(payload: bytes) -> "tuple[int, int]":
    boot, seq = struct.unpack(">II", payload[1:_KEY])
    return boot, seq


def _read(file: "BinaryIO") -> "bytes | None":
    """The next frame: size (2), first 4 bytes of its SHA-256, payload. What follows a damaged one
    is not believed."""
    head = file.read(_HEAD)
    if len(head) < _HEAD:
        return None
    size = struct.unpack(">H", head[:2])[0]
    payload = file.read(size) if _KEY <= size <= _MOST_FRAME else b""
    if len(payload) != size or hashlib.sha256(payload).digest()[:4] != head[2:]:
        return None
    return payload
