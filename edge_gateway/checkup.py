"""`trifleet gateway check`: everything that is wrong with a configuration, in words, at once.

It reads the file and what the file names, and looks at disk, buses and clock. It changes nothing,
and shows no key.
"""

import os
import shutil
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from edge_gateway import clock
from edge_gateway.bus_settings import SLCAN, SOCKETCAN, BusSettings, serial_device, socket_address
from edge_gateway.errors import SettingsError
from edge_gateway.keys import load_key, load_verifier
from edge_gateway.mqtt_settings import check_credential
from edge_gateway.settings import GatewaySettings, load

_MB = 1 << 20
# The write-ahead log beside the outbox.
_SPARE_MB = 16
_REACH_S = 2.0
_ARPHRD_CAN = "280"
_NETWORK = Path("/sys/class/net")
_IFF_UP = 1


class State(Enum):
    """GOOD and NOTE let the gateway run; a FAULT does not, or not well."""

    GOOD = "ok"
    NOTE = "note"
    FAULT = "FAULT"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `key` is the setting that it is about."""

    state: State
    key: str
    words: str


def examine(file: Path) -> list[Finding]:
    """All findings, in the order of the file."""
    try:
        settings = load(file)
    except SettingsError as error:
        return [Finding(State.FAULT, fault.key, fault.expected) for fault in error.faults]
    return list(_examine(settings))


def _examine(settings: GatewaySettings) -> Iterator[Finding]:
    yield Finding(State.GOOD, "gateway", settings.gateway)
    yield from _key(settings.key_file)
    yield from _ack_key(settings)
    yield from _disk(settings)
    yield from _folder("checkpoints_file", settings.checkpoints_file)
    for bus in settings.buses:
        yield _bus(bus)
    yield from _mqtt_files(settings)
    yield from _brokers(settings)
    yield from _updates(settings)
    yield Finding(State.NOTE, "clock.reference", clock.describe_host())


def _key(path: Path) -> Iterator[Finding]:
    try:
        load_key(path)
    except SettingsError as error:
        yield Finding(State.FAULT, "key_file", f"{path}: {error.expected}")
        return
    yield _private("key_file", path)


def _ack_key(settings: GatewaySettings) -> Iterator[Finding]:
    try:
        load_verifier(settings.ack_public_key)
    except SettingsError as error:
        yield Finding(State.FAULT, "ack_public_key", error.expected)


def _private(key: str, path: Path) -> Finding:
    found = path.stat()
    others = stat.S_IMODE(found.st_mode) & 0o077
    if others:
        mode = stat.S_IMODE(found.st_mode)
        return Finding(State.FAULT, key, f"{path}: mode {mode:04o} lets others in: chmod 600")
    if os.geteuid() and found.st_uid != os.geteuid():
        return Finding(State.FAULT, key, f"{path}: belongs to another user")
    return Finding(State.GOOD, key, str(path))


def _disk(settings: GatewaySettings) -> Iterator[Finding]:
    path, wanted = settings.outbox_file, settings.limits.outbox_mb
    problem = next(_folder("outbox_file", path), None)
    if problem is not None:
        yield problem
        return
    if path.exists():
        yield _private("outbox_file", path)
    free = shutil.disk_usage(path.parent).free // _MB
    taken = path.stat().st_size // _MB if path.exists() else 0
    needed = wanted + _SPARE_MB - taken
    if free < needed:
        words = f"{wanted} MB may fill up, {free} MB are free where {needed} are needed"
        yield Finding(State.FAULT, "limits.outbox_mb", words)
    else:
        yield Finding(State.GOOD, "limits.outbox_mb", f"{wanted} MB, {free} MB are free")


def _folder(key: str, path: Path) -> Iterator[Finding]:
    """What is wrong with the place of a file; nothing where it is good."""
    if not path.parent.is_dir():
        yield Finding(State.FAULT, key, f"{path.parent}: no such folder")
    elif not os.access(path.parent, os.W_OK | os.X_OK):
        yield Finding(State.FAULT, key, f"{path.parent}: not writable for this user")


def _updates(settings: GatewaySettings) -> Iterator[Finding]:
    found = settings.updates
    if found is None:
        return
    if found.root_file.is_file() and os.access(found.root_file, os.R_OK):
        yield Finding(State.GOOD, "updates.root_file", str(found.root_file))
    else:
        yield Finding(State.FAULT, "updates.root_file", f"{found.root_file}: cannot be read")
    yield from _folder("updates.folder", found.folder)


def _bus(bus: BusSettings) -> Finding:
    key = f"bus.{bus.vehicle}"
    if bus.interface == SOCKETCAN:
        return _network_interface(key, bus.channel)
    if bus.interface == SLCAN and bus.channel.startswith("/"):
        return _serial(key, Path(serial_device(bus.channel)[0]))
    if bus.interface == SLCAN:
        return _reached(key, *socket_address(bus.channel), "the adapter")
    return Finding(State.NOTE, key, "a virtual bus within this process: for tests")


def _network_interface(key: str, name: str) -> Finding:
    folder = _NETWORK / name
    try:
        kind = (folder / "type").read_text().strip()
        is_up = int((folder / "flags").read_text(), 16) & _IFF_UP
    except (OSError, ValueError):
        found = sorted(p.name for p in _NETWORK.glob("*can*"))
        return Finding(State.FAULT, key, f"no interface {name}; there are: {found or 'none'}")
    if kind != _ARPHRD_CAN:
        return Finding(State.FAULT, key, f"{name} is no CAN interface")
    if not is_up:
        return Finding(State.FAULT, key, f"{name} is down: ip link set {name} up type can ...")
    return Finding(State.GOOD, key, f"{name} is up")


def _serial(key: str, path: Path) -> Finding:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return Finding(State.FAULT, key, f"{path}: {error.strerror}")
    if not stat.S_ISCHR(mode):
        return Finding(State.FAULT, key, f"{path}: no serial device")
    if not os.access(path, os.R_OK | os.W_OK):
        return Finding(State.FAULT, key, f"{path}: no right to use it (group dialout?)")
    return Finding(State.GOOD, key, str(path))


def _reached(key: str, host: str, port: int, what: str) -> Finding:
    """A partner that is away is normal: it is tried for ever."""
    try:
        socket.create_connection((host, port), timeout=_REACH_S).close()
    except OSError as error:
        return Finding(State.NOTE, key, f"{what} at {host} port {port} is not reached: {error}")
    return Finding(State.GOOD, key, f"{what} at {host} port {port} answers")


def _mqtt_files(settings: GatewaySettings) -> Iterator[Finding]:
    """Each file, and whether they belong together and to us."""
    files = {"password_file": settings.mqtt.password_file, **_tls_files(settings)}
    is_whole = True
    for name, path in files.items():
        if path is None:
            continue
        key = f"mqtt.{name}"
        if not (path.is_file() and os.access(path, os.R_OK)):
            is_whole = False
            yield Finding(State.FAULT, key, f"{path}: no readable file")
        elif "password" in name or "key" in name:
            yield _private(key, path)
        else:
            yield Finding(State.GOOD, key, str(path))
    if is_whole:
        try:
            check_credential(settings.mqtt, settings.gateway)
        except SettingsError as error:
            yield Finding(State.FAULT, error.key, f"{error.file}: {error.expected}")


def _tls_files(settings: GatewaySettings) -> dict[str, Path | None]:
    tls = settings.mqtt.tls
    if tls is None:
        return {}
    names = ("ca_file", "certificate_file", "private_key_file")
    return {name: getattr(tls, name) for name in names}


def _brokers(settings: GatewaySettings) -> Iterator[Finding]:
    key = "mqtt.hosts" if settings.mqtt.others else "mqtt.host"
    for host, port in settings.mqtt.brokers:
        yield _reached(key, host, port, "the broker")
