"""Puts one gateway together and runs it until it is told to stop. No command line, no signals."""

import logging
import threading
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_gateway import key_rotation
from edge_gateway.checkpoints import Checkpoints
from edge_gateway.clock import Clock
from edge_gateway.errors import CheckpointsError, GatewayError, SettingsError
from edge_gateway.events import Inbox
from edge_gateway.gateway import Gateway
from edge_gateway.gossip import Gossip
from edge_gateway.health_server import HealthServer
from edge_gateway.keys import load_verifier
from edge_gateway.mqtt_settings import check_credential
from edge_gateway.notify import Notifier
from edge_gateway.outbox import Outbox
from edge_gateway.settings import GatewaySettings
from edge_gateway.uplink import Uplink
from edge_gateway.vehicle_bus import VehicleBus
from fleet_backend.tracing.tracer import from_environment

if TYPE_CHECKING:
    from edge_gateway.updates.worker import Updates

log = logging.getLogger("edge_gateway")

_OPERATIONAL = 2


def run(settings: GatewaySettings, stop: threading.Event) -> None:
    """Until `stop` is set.

    Raises SettingsError for bad files, OutboxError for a broken outbox, ReplacedKeyError for a key
    that is none any more, GatewayError when one of its threads has ended by a fault.
    """
    key = key_rotation.current_key(settings)
    check_credential(settings.mqtt, settings.gateway)
    outbox = key_rotation.open_outbox(settings, key)
    try:
        _run(settings, outbox, _follow_logs(settings, key), key_rotation.public_bytes(key), stop)
    finally:
        outbox.close()


def _follow_logs(settings: GatewaySettings, key: Ed25519PrivateKey) -> Gossip:
    """A memory that cannot be used is left as it is, and no log is followed: the vehicle's records
    must not wait for it."""
    try:
        store = Checkpoints(settings.checkpoints_file)
        return Gossip(settings, store, key.sign)
    except CheckpointsError as error:
        log.error("no log is followed: %s", error)
        return Gossip(settings, None, key.sign)


def _run(
    settings: GatewaySettings,
    outbox: Outbox,
    gossip: Gossip,
    public_key: bytes,
    stop: threading.Event,
) -> None:
    inbox = Inbox(settings.limits.inbox_messages)
    buses = _make_buses(settings, outbox, inbox)
    uplink = Uplink(settings.mqtt, settings.gateway, inbox)
    verify = load_verifier(settings.ack_public_key)
    clock = Clock(settings.clock)
    gateway = Gateway(settings, outbox, buses, uplink, inbox, verify, gossip, clock)
    page = None
    if settings.health.port:
        page = HealthServer(settings.health.port, lambda: gateway.picture)
    notifier = Notifier()
    gateway.exchange.public_key = public_key
    tracer = gateway.exchange.tracer = from_environment("gateway")
    updates = _make_updates(settings, gateway, buses, uplink)
    gateway.start()
    log.info("gateway %s for %s", settings.gateway, ", ".join(buses))
    for bus in buses.values():
        bus.start()
    uplink.start()
    if updates is not None:
        updates.start()
    if page is not None:
        page.start()
    notifier.ready()
    try:
        while not stop.is_set():
            _turn(gateway, inbox, notifier)
            if not uplink.alive or not all(bus.alive for bus in buses.values()):
                # A fault of ours, with its trace in the log: better restarted than half alive.
                raise GatewayError("the thread of a bus or of the broker has ended")
        notifier.stopping()
        gateway.finish()
    finally:
        if page is not None:
            page.stop()
        notifier.close()
        if updates is not None:
            updates.stop()
        for bus in buses.values():
            bus.stop()
        uplink.stop()
        tracer.close()


def _make_buses(settings: GatewaySettings, outbox: Outbox, inbox: Inbox) -> dict[str, VehicleBus]:
    """By vehicle; not started."""
    heartbeat = {
        "State": _OPERATIONAL,
        "BootCount": outbox.count_start() & 0xFFFF,
        "SoftwareHash": _software_hash(),
    }
    waiting = settings.limits.commands_waiting
    diagnoses = settings.updates is not None
    return {
        one.vehicle: VehicleBus(one, waiting, inbox, heartbeat, diagnoses=diagnoses)
        for one in settings.buses
    }


def _make_updates(
    settings: GatewaySettings, gateway: Gateway, buses: dict[str, VehicleBus], uplink: Uplink
) -> "Updates | None":
    """Raises SettingsError where the first root cannot be read."""
    if settings.updates is None:
        return None
    from edge_gateway.updates.worker import Updates  # late: its libraries are large

    try:
        root = settings.updates.root_file.read_bytes()
    except OSError as error:
        reason = error.strerror or "readable"
        raise SettingsError(settings.updates.root_file, "updates.root_file", reason) from error
    clock = Clock(settings.clock)
    exchange, most = gateway.exchange, settings.limits.statements_in_flight
    updates = Updates(
        settings.updates,
        root,
        uplink,
        {name: bus.diagnostics for name, bus in buses.items() if bus.diagnostics is not None},
        settings.logs,
        lambda: clock.read().time > 0,
        # More under way than the live lane alone carries: what waited is being sent.
        lambda: exchange.in_flight > most,
    )
    exchange.on_release, exchange.on_delivery = updates.arrived, updates.commanded
    return updates


def _turn(gateway: Gateway, inbox: Inbox, notifier: Notifier) -> None:
    """What came and what is due, once."""
    for event in inbox.take(gateway.wait_s()):
        gateway.handle(event)
    gateway.tick()
    notifier.turned(time.monotonic(), gateway.status)


def _software_hash() -> int:
    """CRC-32 over this package's files: tells on the bus which build runs."""
    crc = 0
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        crc = zlib.crc32(file.read_bytes(), crc)
    return crc
