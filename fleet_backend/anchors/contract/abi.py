"""Calls and events of Anchor.vy, written and read by hand: every type in it has 32 bytes."""

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from fleet_backend.anchors.errors import ChainError
from fleet_backend.anchors.keccak import keccak256

WORD = 32
MAX_SIZE = (1 << 64) - 1
_COMPILED = Path(__file__).with_name("Anchor.json")


@cache
def creation_code() -> bytes:
    """What a transaction without recipient carries to make the contract."""
    return _code("bytecode")


@cache
def runtime_code() -> bytes:
    """What the chain holds at the contract's address, to the byte."""
    return _code("bytecode_runtime")


def _code(name: str) -> bytes:
    text: str = json.loads(_COMPILED.read_text())[name]
    return bytes.fromhex(text.removeprefix("0x"))


def origin_hash(origin: str) -> bytes:
    """What stands for a log in the contract: SHA-256 of its origin line, without the newline."""
    return sha256(origin.encode()).digest()


def call_register(origin: bytes) -> bytes:
    return _selector("register(bytes32)") + origin


def call_anchor(origin: bytes, size: int, root: bytes) -> bytes:
    return _selector("anchor(bytes32,uint64,bytes32)") + origin + _word(size) + root


def call_newest(owner: bytes, origin: bytes) -> bytes:
    return _selector("newest(address,bytes32)") + owner.rjust(WORD, b"\0") + origin


@dataclass(frozen=True)
class Newest:
    """A row of the contract; all zero where nobody registered."""

    size: int
    root: bytes
    block: int
    registered_block: int


def decode_newest(data: bytes) -> Newest:
    """Answer of `newest`. Raises ChainError."""
    if len(data) != 4 * WORD:
        raise ChainError(f"the contract answered {len(data)} bytes where 128 are due")
    words = [data[at : at + WORD] for at in range(0, len(data), WORD)]
    size, block, registered = (_number(words[place]) for place in (0, 2, 3))
    return Newest(size, words[1], block, registered)


def anchored_topics(owner: bytes, origin: bytes) -> list[bytes]:
    """Topics of the event `Anchored`."""
    signature = keccak256(b"Anchored(address,bytes32,uint64,bytes32)")
    return [signature, owner.rjust(WORD, b"\0"), origin]


def anchored_data(size: int, root: bytes) -> bytes:
    return _word(size) + root


def _selector(signature: str) -> bytes:
    return keccak256(signature.encode())[:4]


def _word(number: int) -> bytes:
    return number.to_bytes(WORD, "big")


def _number(word: bytes) -> int:
    number = int.from_bytes(word, "big")
    if number > MAX_SIZE:
        raise ChainError("the contract answered a number beyond 64 bits")
    return number
