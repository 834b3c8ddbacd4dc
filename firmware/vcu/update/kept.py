"""What is kept of releases, as the pair `software`: the lowest number that may be installed, what
was confirmed last, what is on trial, and what did not pass."""

from protocol import cbor, fields
from protocol.errors import DecodeError

from vcu.errors import StoreError
from vcu.flash.pair import Pair
from vcu.update import seals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PAIR = "software"
_MOST_BYTES = 256
_DIGEST = 32
NOBODY: "tuple[int, bytes, int, bytes]" = (0, b"", 0, b"")


class Kept:
    """`trial` is (number, digest, floor, name of the seal), NOBODY if nothing is on trial.
    `damage` has
    `note(name)`. `is_readable` False: both copies are damaged, and nothing may be installed."""

    def __init__(self, folder: str, damage: "Any") -> None:
        self._pair = Pair(folder, PAIR, _MOST_BYTES, damage)
        self.floor = 0
        self.number = 0
        self.digest = b""
        self.trial = NOBODY
        self.failed = b""  # digest of the one that was rolled back last
        self.is_readable = True
        try:
            data = self._pair.load()
            if data is not None:
                self._decode(data)
        except (StoreError, DecodeError):
            self.is_readable = False

    def begin_trial(self, number: int, digest: bytes, floor: int, name: bytes) -> None:
        """Raises OSError, as the next two do; then the old or the new counts."""
        self.trial = number, digest, floor, name
        self._save()

    def end_trial(self, failed: bytes) -> None:
        """`failed` is the digest of what did not pass, or empty if it was never tried."""
        self.trial = NOBODY
        self.failed = failed or self.failed
        self._save()

    def confirm(self) -> None:
        self.number, self.digest, floor, _ = self.trial
        self.floor = max(self.floor, floor)  # never down
        self.trial = NOBODY
        self._save()

    def _save(self) -> None:
        trial = list(self.trial)
        document = {0: 1, 1: self.floor, 2: self.number, 3: self.digest, 4: trial, 5: self.failed}
        self._pair.save(cbor.encode(document))

    def _decode(self, data: bytes) -> None:
        value = fields.map_of(cbor.decode(data), "software", range(6))
        fields.version(value[0], "software.version")
        trial = fields.array(value[4], "software.trial", 4)
        _check(trial[0], trial[1])
        fields.uint(trial[2], "software.floor", fields.MAX_TIME)
        fields.octets(trial[3], "software.seal", seals.NAME_BYTES if trial[1] else 0)
        _check(value[2], value[3])
        _check(0, value[5])
        self.floor = fields.uint(value[1], "software.floor", fields.MAX_TIME)
        self.number, self.digest = value[2], value[3]
        self.trial = tuple(trial)
        self.failed = value[5]


def _check(number: object, digest: object) -> None:
    fields.uint(number, "software.number", fields.MAX_TIME)
    if fields.octets(digest, "software.digest") and len(digest) != _DIGEST:  # type: ignore[arg-type]
        raise DecodeError("field", "software.digest")
