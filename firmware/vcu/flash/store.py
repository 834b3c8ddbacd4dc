"""The files that decide what the vehicle is and whom it obeys.

`identity` is one file, written at provisioning. Everything else is in pairs. Rights that cannot be
read, or that are older than rights seen before, mean: obey nobody, and say so.
"""

from protocol.errors import DecodeError

from vcu.errors import StoreError
from vcu.flash import files, state
from vcu.flash.files import Damage
from vcu.flash.identity import MOST_BYTES, Identity, decode_identity
from vcu.flash.pair import Pair
from vcu.flash.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_FIRST_VERSION = "state"  # one file for everything, as version 1 wrote it
_NOT_YET = bytes(32)
_UNREADABLE = -1


class Store:
    """The files, in `folder` ("" or ending with a slash)."""

    def __init__(self, folder: str, damage: "Damage | None" = None) -> None:
        self._folder = folder
        self._damage = damage or Damage()
        self._rights = Pair(folder, "rights", state.RIGHTS_BYTES, self._damage)
        self._codes = Pair(folder, "codes", state.CODES_BYTES, self._damage)
        self._ride = Pair(folder, "ride", state.RIDE_BYTES, self._damage)
        self._life = Pair(folder, "life", state.LIFE_BYTES, self._damage)
        self._has_first_version = False
        # False: the count of boots is lost, and what follows on it names no record.
        self.knows_boots = True

    def identity(self) -> "Identity | None":
        """None where there is none, or none that can be read."""
        try:
            data = files.read(self._folder + "identity", MOST_BYTES)
            return None if data is None else decode_identity(data)
        except (OSError, DecodeError):
            self._damage.note("identity")
            return None

    def state(self) -> State:
        """What was saved, a blank State where nothing was. Raises StoreError for the rights."""
        loaded = State(_NOT_YET)
        # What cannot be read of these two is as if there were none: no session, no code.
        self._load(self._ride, state.decode_ride, loaded)
        self._load(self._codes, state.decode_codes, loaded)
        seen = self._load(self._life, state.decode_life, loaded)
        rights = self._load(self._rights, state.decode_rights, loaded)
        self.knows_boots = seen != _UNREADABLE
        if rights == _UNREADABLE:
            raise StoreError("rights")
        if self._rights.serial == 0:
            self._take_first_version(loaded)
        elif self._life.serial == 0:
            self.knows_boots = False  # rights are written after it: it was there
        if self._rights.serial < seen:
            self._damage.note("rights")
            raise StoreError("rights: older than they were")
        self._has_first_version = files.exists(self._folder + _FIRST_VERSION)
        return loaded

    def save(self, changed: State) -> None:
        """On return it is on flash; what did not change is not written. Raises OSError."""
        # Rights come last: a new identity takes effect when nothing of the old one is left, and
        # who has rights has a count of boots. Each pair is the old one or the new one by itself.
        self._save(self._codes, state.encode_codes(changed))
        self._save(self._ride, state.encode_ride(changed))
        self._save(self._life, state.encode_life(changed, self._rights.serial))
        self._save(self._rights, state.encode_rights(changed))
        if self._has_first_version:
            # Power goes before this line: the pairs are whole, and count before the old file.
            files.remove(self._folder + _FIRST_VERSION)
            self._has_first_version = False

    def _load(self, pair: Pair, decode: "Callable[[bytes, State], int]", into: State) -> int:
        """What `decode` returns; 0 where nothing was written yet; -1 where it cannot be read."""
        try:
            data = pair.load()
            return 0 if data is None else decode(data, into)
        except StoreError:
            return _UNREADABLE
        except DecodeError:
            self._damage.note(pair.name)
            return _UNREADABLE

    def _save(self, pair: Pair, data: bytes) -> None:
        if pair.differs(data):
            pair.save(data)

    def _take_first_version(self, into: State) -> None:
        try:
            data = files.read(self._folder + _FIRST_VERSION, state.RIGHTS_BYTES)
            if data is None:
                return
            from vcu.flash import first_version  # once in a vehicle's life

            old = first_version.decode_state(data)
        except (OSError, DecodeError) as error:
            self._damage.note(_FIRST_VERSION)
            raise StoreError(_FIRST_VERSION) from error
        into.provisioning, into.owner, into.revoked = old.provisioning, old.owner, old.revoked
        into.generation, into.time_floor = old.generation, old.time_floor
        if self._life.serial == 0:
            into.boot, into.odometer_m = old.boot, old.odometer_m
