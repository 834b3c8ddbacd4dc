"""One document in two copies, `name.a` and `name.b`, so that one damaged file loses nothing.

A copy is a serial number (4 bytes), the document, and the SHA-256 of name, number and document.
Both copies say the same but for the moment between the two writes; then the higher number counts.
"""

import hashlib

from vcu.errors import StoreError
from vcu.flash import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcu.flash.files import Damage

_SERIAL = 4
_HASH = 32
_LETTERS = ".a", ".b"


class Pair:
    """`most` is the longest document in bytes."""

    def __init__(self, folder: str, name: str, most: int, damage: "Damage") -> None:
        self._path = folder + name
        self.name = name
        self._most = most
        self._damage = damage
        self._current = 1  # the copy that counts; the other one is written first
        self._tried = 0
        self.serial = 0  # of the document that is known to be in both copies, or was loaded
        self._body = b""  # its SHA-256, to know whether a document differs

    def load(self) -> "bytes | None":
        """The document, None where none was written yet. Raises StoreError: none can be read."""
        found = None
        damaged = False
        copies = [self._copy(index) for index in (0, 1)]
        for index in (0, 1):
            body, serial = copies[index]
            if body is None:
                damaged = damaged or serial < 0
            elif found is None or serial > self.serial:
                found, self.serial, self._current = body, serial, index
        if found is None:
            if damaged:
                raise StoreError(self.name)
            return None
        self._tried = self.serial
        self._body = _digest(found)
        if copies[0] != copies[1]:
            self._repair(found)
        return found

    def differs(self, body: bytes) -> bool:
        return _digest(body) != self._body

    def save(self, body: bytes) -> None:
        """On return both copies have it. Raises OSError: then the old or the new one counts."""
        self._body = b""  # until it is known: what fails is written anew next time
        # A number that was tried may be on flash, whatever flash said.
        self._tried += 1
        data = seal(self.name, self._tried, body)
        # 1. The copy that does not count. Power goes: the other one is whole and says the old.
        self._write(1 - self._current, data)
        # Power goes here: this copy has the higher number, so the new document counts.
        self._current = 1 - self._current
        # 2. The other copy. Power goes: the first is whole. After it, both say the same.
        self._write(1 - self._current, data)
        self.serial = self._tried
        self._body = _digest(body)

    def _repair(self, body: bytes) -> None:
        try:
            self._write(1 - self._current, seal(self.name, self.serial, body))
        except OSError:
            pass  # as many copies as before

    def _write(self, index: int, data: bytes) -> None:
        files.write(self._path + _LETTERS[index], data)

    def _copy(self, index: int) -> "tuple[bytes | None, int]":
        """(document, serial); (None, 0) without a file; (None, -1) and a note if it is damaged."""
        try:
            data = files.read(self._path + _LETTERS[index], self._most + _SERIAL + _HASH)
        except OSError:
            data = b""  # as unreadable as a damaged one
        if data is None:
            return None, 0
        body = data[_SERIAL:-_HASH]
        serial = int.from_bytes(data[:_SERIAL], "big")
        # Zero bytes hash to something, too: a copy has a head and a hash before it is compared.
        if len(data) >= _SERIAL + _HASH and seal(self.name, serial, body) == data:
            return body, serial
        self._damage.note(self.name + _LETTERS[index])
        return None, -1


def seal(name: str, serial: int, body: bytes) -> bytes:
    """The bytes of a copy."""
    head = serial.to_bytes(_SERIAL, "big")
    return head + body + _digest(name.encode() + head + body)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
