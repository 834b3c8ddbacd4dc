"""Writes a vehicle's identity to its board and sets its clock. Checks first, then writes."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from protocol.errors import DecodeError
from workbench.bench import Bench, on_bench
from workbench.errors import NoSuchFileError, OtherIdentityError, ReplyError, VerifyError
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


@dataclass(frozen=True)
class ProvisionResult:
    """What set-up registers. `written` is False where the board had this identity already."""

    vehicle: str
    record_key: bytes = field(repr=False)
    key_fingerprint: bytes
    board_id: bytes
    written: bool


def provision(port: str, identity: Identity, *, replace: bool = False) -> ProvisionResult:
    """Makes the board at `port` this vehicle, and starts it. Raises a ProvisionError that says
    why not; `replace` overwrites another vehicle's identity."""
    check_identity(identity)
    with on_bench(port) as bench:
        return write_identity(bench, identity, replace=replace)


def write_identity(bench: Bench, identity: Identity, *, replace: bool = False) -> ProvisionResult:
    check_identity(identity)
    present = _present(bench)
    same = isinstance(present, Identity) and present.is_same_vehicle(identity)
    if present is not None and not same and not replace:
        name = present.vehicle if isinstance(present, Identity) else "unreadable"
        raise OtherIdentityError(f"{bench.repl.port}: the board has an identity already: {name}")
    if not same:
        bench.files.write(IDENTITY_FILE, encode_identity(identity))
        if bench.files.read(IDENTITY_FILE) != encode_identity(identity):
            raise VerifyError(f"{IDENTITY_FILE}: the board read back something else")
    set_clock(bench)
    log.info("provisioned %s: vehicle %s", bench.repl.port, identity.vehicle)
    return ProvisionResult(
        vehicle=identity.vehicle,
        record_key=record_key(identity.vehicle_key),
        key_fingerprint=key_fingerprint(identity.vehicle_key),
        board_id=_board_id(bench),
        written=not same,
    )


def set_clock(bench: Bench) -> None:
    """Sets the battery-backed clock to the time of this computer, in UTC."""
    now = time.gmtime()
    moment = (now.tm_year, now.tm_mon, now.tm_mday, now.tm_wday + 1, *now[3:6], 0)
    bench.repl.exec(f"import machine; machine.RTC().datetime({moment!r})")


def _present(bench: Bench) -> Identity | bytes | None:
    """The board's identity; its bytes where they are none; None where there is no file."""
    try:
        data = bench.files.read(IDENTITY_FILE)
    except NoSuchFileError:
        return None
    try:
        return decode_identity(data)
    except DecodeError:
        return data


def _board_id(bench: Bench) -> bytes:
    text = bench.repl.exec("import machine; print(machine.unique_id().hex())").strip()
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError as error:
        raise ReplyError(f"{text[:80]!r} is not a unique number") from error
