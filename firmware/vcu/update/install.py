"""One installation, from the first byte of a bundle to what lies in flash and was checked there.

A generator: it yields how many bytes it needs next and is sent them, or 0 after a piece of work.
Order: what is cheap to refuse first; nothing is erased before the signatures hold.
"""

from protocol import release, rsa, update
from protocol.errors import DecodeError

from vcu.errors import VcuError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

_SKIPPED_BYTES = 512


class InstallError(VcuError):
    """It is not installed; `code` is from protocol.update."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Install:
    """`trust` is release.Trust, `slots` is RomSlots or FolderSlots, `floor` the lowest number,
    `allowed` the digest that was allowed, `size` that of the whole bundle."""

    def __init__(self, trust: "Any", slots: "Any", floor: int, allowed: bytes, size: int) -> None:
        self._trust = trust
        self._slots = slots
        self._floor = floor
        self._allowed = allowed
        self._size = size
        self.manifest: Any = None  # once its signatures hold
        self.seal_name = b""  # once it is ready to be sealed

    def steps(self) -> "Iterator[int]":
        """Returns when everything but the seal lies in the slot. Raises InstallError."""
        try:
            manifest, left = yield from self._read_manifest()
            yield from self._read_signatures(left)
            self.manifest = manifest
            yield from self._write(manifest)
        except DecodeError as error:
            raise InstallError(update.MALFORMED) from error
        except OSError as error:
            raise InstallError(update.FLASH) from error

    def _read_manifest(self) -> "Any":
        raw, left = yield from release.read_manifest()  # type: ignore[no-untyped-call]
        _require(release.digest(raw) == self._allowed, update.DIGEST)
        manifest = release.decode_manifest(raw)
        fits = manifest.board == self._trust.board and manifest.form == self._slots.form
        _require(fits, update.BOARD)
        _require(manifest.number >= self._floor, update.OLDER)
        head = release.START_BYTES + 3 + len(raw) + left
        _require(head + manifest.content_bytes == self._size, update.SPACE)
        _require(manifest.content_bytes <= self._slots.capacity, update.SPACE)
        return manifest, left

    def _read_signatures(self, left: int) -> "Any":
        count = yield from release.read_count()  # type: ignore[no-untyped-call]
        left -= 1 + count * release.SIGNATURE_BYTES
        _require(left > 0, update.MALFORMED)
        message = release.signed_message(self._allowed)
        good, last = 0, b""
        for _ in range(count):
            last, signature = yield from release.read_signature(last)  # type: ignore[no-untyped-call]
            if rsa.thumbprint(last) in self._trust.keys:
                good += yield from _quietly(rsa.verify_steps(last, message, signature))
        _require(good >= self._trust.threshold, update.SIGNATURE)
        # The table of files is for people; the manifest covers it.
        while left:
            left -= len((yield min(left, _SKIPPED_BYTES)))

    def _write(self, manifest: "Any") -> "Any":
        slots = self._slots
        slots.open(manifest.content_bytes)
        wanted = slots.wants()
        while wanted:
            data = yield wanted
            yield from _quietly(slots.take(data))
            wanted = slots.wants()
        # Of what was read back: what is activated is what was hashed.
        found = yield from _quietly(slots.check())
        _require(found == manifest.content, update.HASH)
        self.seal_name = slots.prepare()
        _require(self.seal_name != b"", update.MALFORMED)


def _quietly(steps: "Any") -> "Any":
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value
        yield 0


def _require(holds: bool, code: int) -> None:
    if not holds:
        raise InstallError(code)
