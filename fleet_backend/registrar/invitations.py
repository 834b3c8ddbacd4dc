"""Invitations: one file each, mode 0600, in a folder that neither the API nor the database sees.

A file holds what was derived from the code, never the code. It is replaced whole; whoever changes
one holds the folder's lock.
"""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fleet_backend.fleet.gateways import GATEWAY, NOTARY
from fleet_backend.registrar import registrations
from fleet_backend.registrar.errors import InvitationError
from fleet_backend.registrar.registrations import Registration
from protocol import enrolment, fields
from protocol.errors import DecodeError

MAX_WRONG = 5
MAX_HOURS = 30 * 24
_MAX_TIME = fields.MAX_TIME


@dataclass(frozen=True)
class Invitation:
    """Times in Unix seconds; binary values in hexadecimal, empty where there is none yet."""

    name: str  # of the invitation: what a request carries
    key: str
    gateway: str
    vehicles: tuple[str, ...]
    created: int
    expires: int
    wrong: int = 0  # requests that named it and were sealed under another key
    request: str = ""  # SHA-256 of the request that it was used for
    answer: str = ""  # what that one got
    # Vehicles that come into the fleet with their gateway; gone when it has its answer.
    registrations: tuple[Registration, ...] = ()
    kind: str = GATEWAY  # or NOTARY, which has no vehicles

    def __repr__(self) -> str:
        return f"Invitation({self.gateway!r})"  # the key is for no log

    def state(self, now: int) -> str:
        """For people."""
        if self.wrong >= MAX_WRONG:
            return "dead"
        if self.request:
            return "used"
        return "expired" if now >= self.expires else "open"


class Invitations:
    """The folder. Safe for several processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def invite(
        self,
        gateway: str,
        vehicles: Sequence[str],
        hours: int,
        now: int,
        registrations: Sequence[Registration] = (),
        draw: Callable[[int], bytes] = secrets.token_bytes,
        kind: str = GATEWAY,
    ) -> str:
        """A new code, which exists in the caller's hands alone; what was open for the same gateway
        is over. Each of `registrations` is of one of the vehicles. Raises InvitationError."""
        _check(gateway, vehicles, hours, kind)
        _check_registrations(vehicles, registrations)
        code = enrolment.code_of(draw(15))
        made = Invitation(
            enrolment.invitation_of(code).hex(),
            enrolment.key_of(code).hex(),
            gateway,
            tuple(vehicles),
            now,
            now + hours * 3600,
            registrations=tuple(registrations),
            kind=kind,
        )
        with self.locked():
            for other in self.all():
                if other.gateway == gateway:
                    self._path(other.name).unlink()
            self.save(made)
        return code

    def uninvite(self, gateway: str) -> None:
        """Forget what was open or used for a gateway. Raises InvitationError where nothing was."""
        with self.locked():
            found = [one for one in self.all() if one.gateway == gateway]
            for one in found:
                self._path(one.name).unlink()
            _sync(self._folder)
        if not found:
            raise InvitationError(f"nothing invites {gateway}")

    def all(self) -> list[Invitation]:
        """Oldest first. Raises InvitationError for a file that is damaged."""
        found = [_load(path) for path in self._folder.glob("*.json")]
        return sorted(found, key=lambda one: (one.created, one.name))

    def find(self, name: bytes) -> Invitation | None:
        """The one that a request names. Raises InvitationError for a damaged file."""
        path = self._path(name.hex())
        return _load(path) if path.exists() else None

    def save(self, invitation: Invitation) -> None:
        """Durable, and whole or not at all, when this returns. Hold the lock."""
        path = self._path(invitation.name)
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(_members(invitation), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync(self._folder)

    def count_wrong(self, invitation: Invitation) -> None:
        """One more request was sealed under another key."""
        self.save(replace(invitation, wrong=invitation.wrong + 1))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes anything meanwhile."""
        handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _check(gateway: str, vehicles: Sequence[str], hours: int, kind: str) -> None:
    try:
        for name in (gateway, *vehicles):
            fields.identifier(name, "name")
    except DecodeError as error:
        raise InvitationError("a name is 1 to 32 of a-z 0-9 -, no hyphen at either end") from error
    if kind not in (GATEWAY, NOTARY):
        raise InvitationError("an invitation is for a gateway or a notary")
    if kind == NOTARY and vehicles:
        raise InvitationError("a notary has no vehicles")
    if kind == GATEWAY and not _are_vehicles(vehicles):
        raise InvitationError(f"1 to {enrolment.MAX_VEHICLES} vehicles, each once")
    if not 1 <= hours <= MAX_HOURS:
        raise InvitationError(f"an invitation is good for 1 to {MAX_HOURS} hours")


def _are_vehicles(names: Sequence[str]) -> bool:
    return 1 <= len(names) <= enrolment.MAX_VEHICLES and len(set(names)) == len(names)


def _check_registrations(vehicles: Sequence[str], found: Sequence[Registration]) -> None:
    names = [one.vehicle for one in found]
    if len(set(names)) != len(names) or not set(names) <= set(vehicles):
        raise InvitationError("a registration is of a vehicle of the invitation, each once")


def _members(invitation: Invitation) -> dict[str, object]:
    own = [registrations.to_members(one) for one in invitation.registrations]
    return {**asdict(replace(invitation, registrations=())), "registrations": own}


def _load(path: Path) -> Invitation:
    try:
        found = json.loads(path.read_bytes())
        return _invitation(found, path.stem)
    except OSError as error:
        raise InvitationError(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, DecodeError, RecursionError) as error:
        # Not what it says: it may say a key.
        raise InvitationError(f"{path} is damaged ({type(error).__name__})") from None


def _invitation(value: object, name: str) -> Invitation:
    if not isinstance(value, dict):
        raise ValueError("no object")
    # Files of before vehicles came along have none, and those of before notaries no kind.
    value = {"registrations": [], "kind": GATEWAY, **value}
    if set(value) != set(Invitation.__dataclass_fields__):
        raise ValueError("other fields")
    if not isinstance(value["vehicles"], list) or not isinstance(value["registrations"], list):
        raise ValueError("vehicles")
    value["vehicles"] = tuple(value["vehicles"])
    value["registrations"] = tuple(map(registrations.from_members, value["registrations"]))
    found = Invitation(**value)
    for number in (found.created, found.expires, found.wrong):
        fields.uint(number, "number", _MAX_TIME)
    _check(found.gateway, found.vehicles, 1, found.kind)
    _check_registrations(found.vehicles, found.registrations)
    sizes = {"name": (16,), "key": (32,), "request": (0, 32)}
    if any(len(bytes.fromhex(value[one])) not in size for one, size in sizes.items()):
        raise ValueError("a size")
    bytes.fromhex(found.answer)
    if found.name != name:
        raise ValueError("another name")
    return found


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
