"""Writes a vehicle's numbers and identity to its board, sets its clock. Checks before it writes."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field

from protocol import release as releases
from protocol import vehicle
from protocol.errors import DecodeError
from workbench.bench import Bench, on_bench
from workbench.errors import (
    ConfigurationError,
    NoSuchFileError,
    OtherIdentityError,
    ReplyError,
    VerifyError,
)
from workbench.identity import (
    Identity,
    check_identity,
    decode_identity,
    encode_identity,
    key_fingerprint,
    record_key,
)

log = logging.getLogger("workbench")

IDENTITY_FILE = "identity"
CONFIG_FILE = "config"
RELEASE_FILE = "release"
# What the vehicle keeps of releases: numbers of another publisher say nothing.
_KEPT_FILES = ("software.a", "software.b")


@dataclass(frozen=True)
class ProvisionResult:
    """What set-up registers. `written` is False where the board had this identity already."""

    vehicle: str
    record_key: bytes = field(repr=False)
    key_fingerprint: bytes
    board_id: bytes
    written: bool


def provision(
    port: str,
    identity: Identity,
    *,
    config: bytes | None = None,
    release: bytes | None = None,
    replace: bool = False,
) -> ProvisionResult:
    """Makes the board at `port` this vehicle, and starts it. Raises a ProvisionError that says
    why not; `replace` overwrites another vehicle's identity. `config` is the file of its numbers
    (protocol.vehicle), `release` the one that says whose releases it believes
    (protocol.release.encode_trust); None leaves what is there."""
    check_identity(identity)
    if config is not None:
        check_config(config)
    if release is not None:
        check_release(release)
    with on_bench(port) as bench:
        return write_identity(bench, identity, config=config, release=release, replace=replace)


def configure(port: str, config: bytes) -> bool:
    """Gives a vehicle its numbers and leaves its identity alone. True if they were others."""
    check_config(config)
    with on_bench(port) as bench:
        return write_config(bench, config)


def check_config(config: bytes) -> None:
    """Raises ConfigurationError."""
    try:
        vehicle.open_file(config)
    except DecodeError as error:
        raise ConfigurationError(f"not the numbers of a vehicle: {error}") from error


def write_identity(
    bench: Bench,
    identity: Identity,
    *,
    config: bytes | None = None,
    release: bytes | None = None,
    replace: bool = False,
) -> ProvisionResult:
    check_identity(identity)
    present = read_identity(bench)
    same = isinstance(present, Identity) and present.is_same_vehicle(identity)
    if present is not None and not same and not replace:
        name = present.vehicle if isinstance(present, Identity) else "unreadable"
        raise OtherIdentityError(f"{bench.repl.port}: the board has an identity already: {name}")
    # First the numbers: a board that is cut off here has no identity yet, and drives nowhere.
    if config is not None:
        write_config(bench, config)
    if release is not None:
        write_release(bench, release)
    if not same:
        write_file(bench, IDENTITY_FILE, encode_identity(identity))
    set_clock(bench)
    log.info("provisioned %s: vehicle %s", bench.repl.port, identity.vehicle)
    return ProvisionResult(
        vehicle=identity.vehicle,
        record_key=record_key(identity.vehicle_key),
        key_fingerprint=key_fingerprint(identity.vehicle_key),
        board_id=_board_id(bench),
        written=not same,
    )


def write_config(bench: Bench, config: bytes) -> bool:
    """True if the board had other numbers, or none."""
    check_config(config)
    if read_file(bench, CONFIG_FILE) == config:
        return False
    write_file(bench, CONFIG_FILE, config)
    return True


def check_release(release: bytes) -> None:
    """Raises ConfigurationError."""
    try:
        releases.decode_trust(release)
    except DecodeError as error:
        raise ConfigurationError(f"not a file of release keys: {error}") from error


def write_release(bench: Bench, release: bytes) -> bool:
    """Says whose releases the vehicle believes from now on; what it kept of those before goes, and
    with it their lowest number. True if it believed others, or nobody."""
    check_release(release)
    if read_file(bench, RELEASE_FILE) == release:
        return False
    # Power goes after one of these: it believes whom it believed, and forgot a number. So the file
    # comes last, and the same command finishes the job.
    for name in _KEPT_FILES:
        with suppress(NoSuchFileError):
            bench.files.remove(name)
    write_file(bench, RELEASE_FILE, release)
    return True


def set_clock(bench: Bench) -> None:
    """Sets the battery-backed clock to the time of this computer, in UTC."""
    now = time.gmtime()
    moment = (now.tm_year, now.tm_mon, now.tm_mday, now.tm_wday + 1, *now[3:6], 0)
    bench.checked.exec(f"import machine; machine.RTC().datetime({moment!r})")


def present_identity(bench: Bench) -> str | None:
    """Name of the vehicle that the board is; "unreadable" for a file that is none; None: nobody."""
    found = read_identity(bench)
    return found.vehicle if isinstance(found, Identity) else "unreadable" if found else None


def read_identity(bench: Bench) -> Identity | bytes | None:
    """The board's identity; its bytes where they are none; None where there is no file."""
    data = read_file(bench, IDENTITY_FILE)
    try:
        return None if data is None else decode_identity(data)
    except DecodeError:
        return data


def read_file(bench: Bench, name: str) -> bytes | None:
    """None where the board has no such file."""
    try:
        return bench.files.read(name)
    except NoSuchFileError:
        return None


def write_file(bench: Bench, name: str, data: bytes) -> None:
    """Old or new, and read back. Raises VerifyError."""
    bench.files.write(name, data)
    if bench.files.read(name) != data:
        raise VerifyError(f"{name}: the board read back something else")


def _board_id(bench: Bench) -> bytes:
    text = bench.checked.exec("import machine; print(machine.unique_id().hex())").strip()
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError as error:
        raise ReplyError(f"{text[:80]!r} is not a unique number") from error
