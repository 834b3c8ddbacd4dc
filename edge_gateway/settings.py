"""What gateway.toml says, read once and strictly: a key that is not known is an error."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge_gateway.errors import SettingsError
from protocol import fields
from protocol.errors import DecodeError

SLCAN = "slcan"
SOCKETCAN = "socketcan"


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
class MqttSettings:
    """The broker and our credential."""

    host: str
    port: int
    username: str
    password_file: Path


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


@dataclass(frozen=True)
class GatewaySettings:
    """Everything that `run` needs."""

    gateway: str
    key_file: Path
    # Raw Ed25519 public key of the backend's ingest, 32 bytes.
    ack_public_key: bytes
    outbox_file: Path
    bus: BusSettings
    mqtt: MqttSettings
    flush: FlushSettings = FlushSettings()
    limits: Limits = Limits()


Check = Callable[["_Place", object], object]


@dataclass(frozen=True)
class _Place:
    """Where in which file a value stands."""

    file: Path
    key: str

    def fails(self, expected: str) -> SettingsError:
        return SettingsError(self.file, self.key, expected)


def load(file: Path) -> GatewaySettings:
    """Read gateway.toml. Relative paths start at its folder. Raises SettingsError."""
    try:
        value = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(file, "file", error.strerror or "readable") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(file, "file", f"TOML: {error}") from error
    top = _table(_Place(file, ""), value, _TOP)
    mqtt = _table(_Place(file, "mqtt"), top["mqtt"], _MQTT, {"username": top["gateway"]})
    return GatewaySettings(
        gateway=str(top["gateway"]),
        key_file=_as_path(top["key_file"]),
        ack_public_key=_as_bytes(top["ack_public_key"]),
        outbox_file=_as_path(top["outbox_file"]),
        bus=_bus(file, top["bus"]),
        mqtt=MqttSettings(**mqtt),  # type: ignore[arg-type]
        flush=FlushSettings(**_numbers(file, "flush", top["flush"], _FLUSH)),
        limits=Limits(**_numbers(file, "limits", top["limits"], _LIMITS)),
    )


def _bus(file: Path, value: object) -> BusSettings:
    place = _Place(file, "bus")
    if not isinstance(value, list) or len(value) != 1:
        raise place.fails("exactly one [[bus]] table")
    bus = _table(place, value[0], _BUS, {"acceptance_filter": False})
    channel = str(bus["channel"])
    if bus["interface"] == SLCAN:
        socket_address(channel, file)
    elif not 1 <= len(channel) <= 15 or "/" in channel:
        raise _Place(file, "bus.channel").fails("the name of a network interface, such as can0")
    return BusSettings(**bus)  # type: ignore[arg-type]


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


def _table(
    place: _Place,
    value: object,
    checks: Mapping[str, Check],
    defaults: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Checked values of a table: known keys only, all of them present or with a default."""
    if not isinstance(value, dict):
        raise place.fails("a table")
    prefix = f"{place.key}." if place.key else ""
    for key in value:
        if key not in checks:
            raise _Place(place.file, prefix + key).fails(f"no such key; known: {', '.join(checks)}")
    given = {**_OPTIONAL, **(defaults or {}), **value}
    out = {}
    for key, check in checks.items():
        if key not in given:
            raise _Place(place.file, prefix + key).fails("missing")
        out[key] = check(_Place(place.file, prefix + key), given[key])
    return out


def _numbers(file: Path, key: str, value: object, most: Mapping[str, int]) -> dict[str, int]:
    """A table of positive integers with a maximum each; what is left out keeps its default."""
    place = _Place(file, key)
    if not isinstance(value, dict):
        raise place.fails("a table")
    for name, number in value.items():
        at = _Place(file, f"{key}.{name}")
        if name not in most:
            raise at.fails(f"no such key; known: {', '.join(most)}")
        if type(number) is not int or not 1 <= number <= most[name]:
            raise at.fails(f"an integer from 1 to {most[name]}")
    return dict(value)


def _identifier(place: _Place, value: object) -> str:
    try:
        return fields.identifier(value, place.key)
    except DecodeError as error:
        raise place.fails("1 to 32 characters of a-z 0-9 -, no hyphen at either end") from error


def _text(place: _Place, value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise place.fails("a text")
    return value


def _path(place: _Place, value: object) -> Path:
    return place.file.parent / _text(place, value)


def _port(place: _Place, value: object) -> int:
    if type(value) is not int or not 1 <= value <= 65535:
        raise place.fails("a port from 1 to 65535")
    return value


def _flag(place: _Place, value: object) -> bool:
    if not isinstance(value, bool):
        raise place.fails("true or false")
    return value


def _interface(place: _Place, value: object) -> str:
    if value not in (SLCAN, SOCKETCAN):
        raise place.fails(f"{SLCAN} or {SOCKETCAN}")
    return str(value)


def _public_key(place: _Place, value: object) -> bytes:
    try:
        key = bytes.fromhex(_text(place, value))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise place.fails("64 hexadecimal digits")
    return key


def _any(_: _Place, value: object) -> object:
    return value


def _as_path(value: object) -> Path:
    return Path(str(value))


def _as_bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes) else b""


_TOP: dict[str, Check] = {
    "gateway": _identifier,
    "key_file": _path,
    "ack_public_key": _public_key,
    "outbox_file": _path,
    "bus": _any,
    "mqtt": _any,
    "flush": _any,
    "limits": _any,
}
_OPTIONAL: dict[str, object] = {"flush": {}, "limits": {}}
_BUS: dict[str, Check] = {
    "vehicle": _identifier,
    "interface": _interface,
    "channel": _text,
    "acceptance_filter": _flag,
}
_MQTT: dict[str, Check] = {
    "host": _text,
    "port": _port,
    "username": _identifier,
    "password_file": _path,
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
}
