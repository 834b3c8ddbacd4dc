"""One bus and its vehicle: the [[bus]] tables of gateway.toml."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge_gateway import tables
from edge_gateway.errors import SettingsError
from edge_gateway.tables import Check, Faults, Place

SLCAN = "slcan"
SOCKETCAN = "socketcan"
VIRTUAL = "virtual"
INTERFACES = (SLCAN, SOCKETCAN, VIRTUAL)
MAX_BUSES = 16
# Of a serial line; adapters with a USB controller of their own do not care.
BAUD = 115_200
BAUDS = (9_600, 57_600, 115_200, 230_400, 460_800, 921_600, 1_000_000, 2_000_000, 3_000_000)


@dataclass(frozen=True)
class BusSettings:
    """One vehicle and the bus that it is on."""

    vehicle: str
    interface: str
    # slcan: socket://host:port or a serial device; socketcan: the name of the network interface;
    # virtual: any name, shared within one process (python-can's, for tests).
    channel: str
    # Sets the adapter's acceptance filter, plain identifiers as hw/virtual_bus reads them.
    acceptance_filter: bool


BUS_CHECKS: dict[str, Check] = {
    "vehicle": tables.identifier,
    "interface": tables.one_of(*INTERFACES),
    "channel": tables.text,
    "acceptance_filter": tables.flag,
}


def read_buses(file: Path, value: object) -> tuple[BusSettings, ...]:
    """The tables, each vehicle and each channel once. Raises SettingsError with all faults."""
    place = Place(file, "bus")
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_BUSES:
        raise place.fails(f"1 to {MAX_BUSES} [[bus]] tables")
    faults = Faults()
    read = [faults.of(lambda one=one: _bus(file, one)) for one in value]  # type: ignore[misc]
    found = [one for one in read if one is not None]
    for what in ("vehicle", "channel"):
        names = [getattr(one, what) for one in found]
        for name in sorted({name for name in names if names.count(name) > 1}):
            wrong = Place(file, f"bus.{what}").fails(f"{name} is there twice: a {what} for each")
            faults.add(wrong)
    faults.raise_any()
    return tuple(found)


def _bus(file: Path, value: object) -> BusSettings:
    bus = tables.table(Place(file, "bus"), value, BUS_CHECKS, {"acceptance_filter": False})
    channel = str(bus["channel"])
    if bus["interface"] == SLCAN:
        check_slcan_channel(channel, file)
    elif not 1 <= len(channel) <= 15 or "/" in channel:
        raise Place(file, "bus.channel").fails("the name of a network interface, such as can0")
    return BusSettings(**bus)  # type: ignore[arg-type]


def check_slcan_channel(channel: str, file: object = "settings") -> None:
    """A serial device, by its absolute path, or socket://host:port. Raises SettingsError."""
    if channel.startswith("/"):
        serial_device(channel, file)
    else:
        socket_address(channel, file)


def serial_device(channel: str, file: object = "settings") -> tuple[str, int]:
    """(path, baud) of /dev/ttyACM0 or /dev/ttyUSB0@921600. Raises SettingsError."""
    path, separator, rate = channel.partition("@")
    is_device = path.startswith("/dev/") and ".." not in path and "\0" not in path
    if not is_device or (separator and rate not in map(str, BAUDS)):
        expected = f"a device below /dev, with @baud if it is not {BAUD}; known: {BAUDS}"
        raise SettingsError(file, "bus.channel", expected)
    return path, int(rate or BAUD)


def socket_address(channel: str, file: object = "settings") -> tuple[str, int]:
    """(host, port) of socket://host:port. Raises SettingsError."""
    try:
        parts = urlsplit(channel)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "socket" or not parts.hostname or not port or parts.path:
        raise SettingsError(file, "bus.channel", "socket://host:port, or /dev/...")
    return parts.hostname, port
