"""What gateway.toml says, read once and strictly: a key that is not known is an error."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from edge_gateway import mqtt_settings, tables
from edge_gateway.bus_settings import BusSettings, read_buses
from edge_gateway.clock import REFERENCES, ClockSettings
from edge_gateway.errors import SettingsError
from edge_gateway.mqtt_settings import MqttSettings
from edge_gateway.tables import Check, Faults, Place
from edge_gateway.updates import settings as updates_settings
from edge_gateway.updates.settings import UpdateSettings
from fleet_backend.ledger.errors import NoteError
from fleet_backend.ledger.note import ED25519, Verifier, parse_vkey

MAX_LOG_KEYS = 16
MAX_ORIGIN = 255


@dataclass(frozen=True)
class FlushSettings:
    """How long a record may wait for others to share its statement."""

    event_ms: int = 200
    telemetry_ms: int = 1000


@dataclass(frozen=True)
class HealthSettings:
    """The health page on loopback; port 0: none."""

    port: int = 0


@dataclass(frozen=True)
class Limits:
    """Bounds on what the gateway holds and sends."""

    records_per_statement: int = 50
    # Before compression. The whole message stays below the 65,535 bytes of a document.
    body_bytes: int = 48 * 1024
    statements_in_flight: int = 8
    outbox_mb: int = 256
    # Records of one boot that are known by their bytes, and so also those stored beyond a gap.
    records_ahead: int = 256
    inbox_messages: int = 1024
    commands_waiting: int = 8
    commands_remembered: int = 1024
    first_resend_s: int = 5
    longest_resend_s: int = 60
    # Sightings of one log: one in so many seconds after a burst of four; all again after so many.
    sighting_s: int = 30
    sighting_again_s: int = 300


@dataclass(frozen=True)
class GatewaySettings:
    """Everything that `run` needs."""

    gateway: str
    key_file: Path
    # Raw Ed25519 public key of the backend's ingest, 32 bytes.
    ack_public_key: bytes
    outbox_file: Path
    checkpoints_file: Path
    # Keys of the logs that it follows; several of one log where its key is changed.
    logs: tuple[Verifier, ...]
    buses: tuple[BusSettings, ...]
    mqtt: MqttSettings
    flush: FlushSettings = FlushSettings()
    limits: Limits = Limits()
    clock: ClockSettings = ClockSettings()  # noqa: RUF009 - frozen
    health: HealthSettings = HealthSettings()
    # None: this gateway brings no updates.
    updates: UpdateSettings | None = None


def load(file: Path, *, has_buses: bool = True) -> GatewaySettings:
    """Read gateway.toml. Relative paths start at its folder. Raises SettingsError.

    Without `has_buses` it is the file of a notary, in which there must be none.
    """
    try:
        value = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(file, "file", error.strerror or "readable") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(file, "file", f"TOML: {error}") from error
    return read(file, value, has_buses=has_buses)


def read(file: Path, value: dict[str, object], *, has_buses: bool = True) -> GatewaySettings:
    """The settings in a document of this file. Raises SettingsError, which names every fault."""
    faults = Faults()
    given = {**OPTIONAL, **value}
    checks = TOP_CHECKS if has_buses else {k: v for k, v in TOP_CHECKS.items() if k != "bus"}
    top = faults.of(lambda: tables.table(Place(file, ""), value, checks, OPTIONAL))
    logs = faults.of(lambda: _logs(file, given["log"]))
    buses = (
        faults.of(lambda: read_buses(file, given["bus"])) if "bus" in given and has_buses else ()
    )
    name = _own_name(file, given)
    mqtt = (
        faults.of(lambda: mqtt_settings.read(file, given["mqtt"], name))
        if "mqtt" in given
        else None
    )
    flush = faults.of(lambda: tables.numbers(file, "flush", given["flush"], FLUSH_MOST))
    limits = faults.of(lambda: tables.numbers(file, "limits", given["limits"], LIMITS_MOST))
    clock = faults.of(
        lambda: tables.table(Place(file, "clock"), given["clock"], CLOCK_CHECKS, CLOCK_DEFAULTS)
    )
    health = faults.of(
        lambda: tables.table(Place(file, "health"), given["health"], HEALTH_CHECKS, {"port": 0})
    )
    updates = None
    if given["updates"] is not None:
        updates = faults.of(lambda: updates_settings.read(file, given["updates"]))
    faults.raise_any()
    assert top and mqtt and clock and health
    return GatewaySettings(
        gateway=str(top["gateway"]),
        key_file=_as_path(top["key_file"]),
        ack_public_key=_as_bytes(top["ack_public_key"]),
        outbox_file=_as_path(top["outbox_file"]),
        checkpoints_file=_as_path(top["checkpoints_file"]),
        logs=logs or (),
        buses=buses or (),
        mqtt=mqtt,
        flush=FlushSettings(**(flush or {})),
        limits=Limits(**(limits or {})),
        clock=ClockSettings(**clock),  # type: ignore[arg-type]
        health=HealthSettings(**health),  # type: ignore[arg-type]
        updates=updates,
    )


def _own_name(file: Path, given: dict[str, object]) -> str:
    try:
        return tables.identifier(Place(file, "gateway"), given.get("gateway"))
    except SettingsError:
        return "gateway"  # told under its own key


def _logs(file: Path, value: object) -> tuple[Verifier, ...]:
    place = Place(file, "log")
    if not isinstance(value, list) or len(value) > MAX_LOG_KEYS:
        raise place.fails(f"at most {MAX_LOG_KEYS} [[log]] tables")
    found: list[Verifier] = []
    for item in value:
        key = tables.table(place, item, LOG_CHECKS, {})["vkey"]
        if not isinstance(key, Verifier) or key in found:
            raise Place(file, "log.vkey").fails("a key that is not there twice")
        found.append(key)
    return tuple(found)


@tables.shaped(type="string", pattern="^[0-9a-fA-F]{64}$")
def _public_key(place: Place, value: object) -> bytes:
    try:
        key = bytes.fromhex(tables.text(place, value))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise place.fails("64 hexadecimal digits")
    return key


@tables.shaped(type="string", minLength=1)
def _vkey(place: Place, value: object) -> Verifier:
    try:
        key = parse_vkey(tables.text(place, value))
    except NoteError as error:
        raise place.fails(f"a log's verifier key: {error}") from error
    if key.kind != ED25519 or len(key.name) > MAX_ORIGIN:
        raise place.fails(f"an Ed25519 key of a log whose name has at most {MAX_ORIGIN} characters")
    return key


def _as_path(value: object) -> Path:
    return Path(str(value))


def _as_bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes) else b""


TOP_CHECKS: dict[str, Check] = {
    "gateway": tables.identifier,
    "key_file": tables.path,
    "ack_public_key": _public_key,
    "outbox_file": tables.path,
    "checkpoints_file": tables.path,
    "log": tables.anything,
    "bus": tables.anything,
    "mqtt": tables.anything,
    "flush": tables.anything,
    "limits": tables.anything,
    "clock": tables.anything,
    "health": tables.anything,
    "updates": tables.anything,
}
OPTIONAL: dict[str, object] = {
    "flush": {},
    "limits": {},
    "clock": {},
    "health": {},
    "log": [],
    "updates": None,
    "checkpoints_file": "checkpoints.db",
}
LOG_CHECKS: dict[str, Check] = {"vkey": _vkey}
CLOCK_CHECKS: dict[str, Check] = {
    "reference": tables.one_of(*REFERENCES),
    "jump_s": tables.number(1, 3600),
}
CLOCK_DEFAULTS: dict[str, object] = {"reference": "network", "jump_s": 2}
HEALTH_CHECKS: dict[str, Check] = {"port": tables.number(0, 65535)}
FLUSH_MOST = {"event_ms": 10_000, "telemetry_ms": 60_000}
LIMITS_MOST = {
    "records_per_statement": 64,
    "body_bytes": 60_000,
    "statements_in_flight": 64,
    "outbox_mb": 1 << 20,
    "records_ahead": 65_536,
    "inbox_messages": 65_536,
    "commands_waiting": 64,
    "commands_remembered": 65_536,
    "first_resend_s": 3600,
    "longest_resend_s": 86_400,
    "sighting_s": 86_400,
    "sighting_again_s": 86_400,
}
