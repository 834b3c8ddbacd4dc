"""Makes a board a vehicle: identity, numbers, whose releases it takes, and its registration.

Run again it finds what is there: the key is drawn once, and read back from the board.
"""

import hmac
import time
from dataclasses import dataclass, field
from pathlib import Path

from fleet_backend.registrar.registrations import Registration, encode
from hw.vehicle_config import load_vehicle
from protocol import release
from trifleet.commissioning.errors import SheetError
from trifleet.commissioning.sheet import Sheet
from trifleet.commissioning.vehicle_key import draw_key, read_key
from trifleet.layout import write_private
from trifleet.vehicle_file import config_file
from workbench.bench import Bench
from workbench.errors import OtherIdentityError
from workbench.identity import Identity, key_fingerprint, record_key
from workbench.provision import (
    CONFIG_FILE,
    IDENTITY_FILE,
    read_file,
    read_identity,
    write_file,
    write_identity,
)

RELEASE_FILE = "release"
# A clock that is a little slow must not find the vehicle in its own future.
FLOOR_S = 60


@dataclass(frozen=True)
class SetUp:
    """What the board is now. `fingerprint` is of the vehicle's key, and tells nothing of it."""

    vehicle: str
    fingerprint: bytes
    config_sha256: bytes
    written: tuple[str, ...]
    registration: Registration = field(repr=False)


@dataclass(frozen=True)
class Wanted:
    """The files that the sheet asks for; checked before the board is touched."""

    sheet: Sheet
    config: bytes
    trust: bytes | None


def wanted(sheet: Sheet, board: str) -> Wanted:
    """`board` is the folder of boards/. Raises SheetError and hw's ConfigError."""
    path = Path(sheet.configuration)
    vehicle = load_vehicle(path if path.suffix == ".toml" else sheet.configuration)
    trust = None
    if sheet.release_keys:
        if not board:
            raise SheetError("this board is none of boards/, so no release can be for it")
        keys = list(sheet.release_keys)
        trust = release.encode_trust(release.Trust(sheet.release_threshold, keys, board))
    return Wanted(sheet, config_file(vehicle), trust)


def differences(bench: Bench, asked: Wanted, *, replace: bool = False) -> list[str]:
    """Names of the files that would be written. Raises OtherIdentityError."""
    there = not replace and _same_vehicle(bench, asked.sheet) is not None
    files = {CONFIG_FILE: asked.config, RELEASE_FILE: asked.trust}
    out = [name for name, data in files.items() if data and read_file(bench, name) != data]
    return out if there else [*out, IDENTITY_FILE]


def set_up(bench: Bench, asked: Wanted, *, replace: bool = False) -> SetUp:
    """Writes what differs, each file old or new. Raises OtherIdentityError and SheetError."""
    sheet = asked.sheet
    present = None if replace else _same_vehicle(bench, sheet)
    identity = present or _new_identity(sheet)
    written = []
    # Whose releases it takes comes before who it is: a board with an identity is never without.
    if asked.trust is not None and read_file(bench, RELEASE_FILE) != asked.trust:
        write_file(bench, RELEASE_FILE, asked.trust)
        written.append(RELEASE_FILE)
    if read_file(bench, CONFIG_FILE) != asked.config:
        written.append(CONFIG_FILE)
    made = write_identity(bench, identity, config=asked.config, replace=replace)
    if made.written:
        written.append(IDENTITY_FILE)
    key = identity.vehicle_key
    registration = Registration(sheet.vehicle, sheet.owner, record_key(key), key_fingerprint(key))
    digest = bench.files.sha256(CONFIG_FILE)
    return SetUp(sheet.vehicle, key_fingerprint(key), digest, tuple(written), registration)


def keep_registration(made: SetUp, folder: Path) -> Path:
    """For `trifleet gateway invite --vehicle-file`; as secret as a private key."""
    path = folder / f"{made.vehicle}.registration"
    write_private(path, encode(made.registration))
    return path


def _same_vehicle(bench: Bench, sheet: Sheet) -> Identity | None:
    """The board's identity, if it is this vehicle's; None for a board that is nobody's."""
    found = read_identity(bench)
    if found is None:
        return None
    if not isinstance(found, Identity):
        raise OtherIdentityError(f"{bench.repl.port}: the board's identity is unreadable")
    if found.vehicle != sheet.vehicle:
        raise OtherIdentityError(
            f"{bench.repl.port}: the board is {found.vehicle}, not {sheet.vehicle}"
        )
    if found.owner_thumbprint != sheet.owner:
        raise OtherIdentityError(f"{bench.repl.port}: {found.vehicle} belongs to another owner")
    if sheet.key_file and not hmac.compare_digest(read_key(sheet.key_file), found.vehicle_key):
        raise OtherIdentityError(f"{bench.repl.port}: {found.vehicle} has another key")
    return found


def _new_identity(sheet: Sheet) -> Identity:
    key = read_key(sheet.key_file) if sheet.key_file else draw_key()
    return Identity(sheet.vehicle, sheet.owner, key, int(time.time()) - FLOOR_S)
