"""What gateway.toml says, read once and strictly: a key that is not known is an error."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge_gateway import mqtt_settings, tables
from edge_gateway.errors import SettingsError
from edge_gateway.mqtt_settings import MqttSettings
from edge_gateway.tables import Check, Place
from fleet_backend.ledger.errors import NoteError
from fleet_backend.ledger.note import ED25519, Verifier, parse_vkey

SLCAN = "slcan"
SOCKETCAN = "socketcan"
MAX_LOG_KEYS = 16
MAX_ORIGIN = 255


@dataclass(frozen=True)
class BusSettings:
    """One vehicle and the bus that it is on."""

    vehicle: str
    interface: str
    # slcan: socket://host:port; socketcan: the name of the network interface.
    channel: str
    # Sets the adapter's acceptance filter, plain identifiers as hw/virtual_bus reads them.
    acceptance_filter: bool


@dataclass(frozen=True)
class FlushSettings:
    """How long a record may wait for others to share its statement."""

    event_ms: int = 200
    telemetry_ms: int = 1000


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
    bus: BusSettings
    mqtt: MqttSettings
    flush: FlushSettings = FlushSettings()
    limits: Limits = Limits()


def load(file: Path) -> GatewaySettings:
    """Read gateway.toml. Relative paths start at its folder. Raises SettingsError."""
    try:
        value = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(file, "file", error.strerror or "readable") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(file, "file", f"TOML: {error}") from error
    top = tables.table(Place(file, ""), value, _TOP, _OPTIONAL)
    return GatewaySettings(
        gateway=str(top["gateway"]),
        key_file=_as_path(top["key_file"]),
        ack_public_key=_as_bytes(top["ack_public_key"]),
        outbox_file=_as_path(top["outbox_file"]),
        checkpoints_file=_as_path(top["checkpoints_file"]),
        logs=_logs(file, top["log"]),
        bus=_bus(file, top["bus"]),
        mqtt=mqtt_settings.read(file, top["mqtt"], str(top["gateway"])),
        flush=FlushSettings(**tables.numbers(file, "flush", top["flush"], _FLUSH)),
        limits=Limits(**tables.numbers(file, "limits", top["limits"], _LIMITS)),
    )


def _bus(file: Path, value: object) -> BusSettings:
    place = Place(file, "bus")
    if not isinstance(value, list) or len(value) != 1:
        raise place.fails("exactly one [[bus]] table")
    bus = tables.table(place, value[0], _BUS, {"acceptance_filter": False})
    channel = str(bus["channel"])
    if bus["interface"] == SLCAN:
        socket_address(channel, file)
    elif not 1 <= len(channel) <= 15 or "/" in channel:
        raise Place(file, "bus.channel").fails("the name of a network interface, such as can0")
    return BusSettings(**bus)  # type: ignore[arg-type]


def _logs(file: Path, value: object) -> tuple[Verifier, ...]:
    place = Place(file, "log")
    if not isinstance(value, list) or len(value) > MAX_LOG_KEYS:
        raise place.fails(f"at most {MAX_LOG_KEYS} [[log]] tables")
    found: list[Verifier] = []
    for item in value:
        key = tables.table(place, item, _LOG, {})["vkey"]
        if not isinstance(key, Verifier) or key in found:
            raise Place(file, "log.vkey").fails("a key that is not there twice")
        found.append(key)
    return tuple(found)


def socket_address(channel: str, file: object = "settings") -> tuple[str, int]:
    """(host, port) of socket://host:port. Raises SettingsError."""
    try:
        parts = urlsplit(channel)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "socket" or not parts.hostname or not port or parts.path:
        raise SettingsError(file, "bus.channel", "socket://host:port")
    return parts.hostname, port


def _interface(place: Place, value: object) -> str:
    if value not in (SLCAN, SOCKETCAN):
        raise place.fails(f"{SLCAN} or {SOCKETCAN}")
    return str(value)


def _public_key(place: Place, value: object) -> bytes:
    try:
        key = bytes.fromhex(tables.text(place, value))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise place.fails("64 hexadecimal digits")
    return key


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


_TOP: dict[str, Check] = {
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
}
_OPTIONAL: dict[str, object] = {
    "flush": {},
    "limits": {},
    "log": [],
    "checkpoints_file": "checkpoints.db",
}
_LOG: dict[str, Check] = {"vkey": _vkey}
_BUS: dict[str, Check] = {
    "vehicle": tables.identifier,
    "interface": _interface,
    "channel": tables.text,
    "acceptance_filter": tables.flag,
}
_FLUSH = {"event_ms": 10_000, "telemetry_ms": 60_000}
_LIMITS = {
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
