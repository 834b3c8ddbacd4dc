"""The seal at the beginning of an image (docs/lifecycle.md): what it says, and a new number for it.

A name is the last eight bytes of a seal: they cover its number and the hash of what it seals.
"""

import hashlib

FIRST_BYTES = 64  # of an image: header, size and seal lie in them
SEAL_BYTES = 48
NAME_BYTES = 8
_SAID = SEAL_BYTES - NAME_BYTES
_NAME = b"TFS1"


def find(first: bytes) -> int:
    """Where in the first bytes of an image its seal lies; 0: there is none."""
    if first[:3] != b"\xd2\xcd\x31" or len(first) < FIRST_BYTES:
        return 0
    for at in range(3, 8):
        if first[at] < 0x80:
            seal = first[at + 3 : at + 3 + SEAL_BYTES]
            return at + 3 if first[at + 1 : at + 3] == b"\x01\x30" and is_whole(seal) else 0
    return 0


def is_whole(seal: bytes) -> bool:
    return len(seal) == SEAL_BYTES and seal[:4] == _NAME and _check(seal) == seal[_SAID:]


def number(seal: bytes) -> int:
    return int.from_bytes(seal[4:8], "big")


def name(seal: bytes) -> bytes:
    return seal[_SAID:]


def make(number: int, body: bytes) -> bytes:
    """`body` is the SHA-256 of what is sealed."""
    said = _NAME + number.to_bytes(4, "big") + body
    return said + hashlib.sha256(said).digest()[:NAME_BYTES]


def renumbered(first: bytes, at: int, number: int) -> bytes:
    """The first bytes of an image whose seal lies at `at`, with another number."""
    seal = make(number, first[at + 8 : at + _SAID])
    return first[:at] + seal + first[at + SEAL_BYTES :]


def _check(seal: bytes) -> bytes:
    return hashlib.sha256(seal[:_SAID]).digest()[:NAME_BYTES]
