"""Puts one gateway together and runs it until it is told to stop. No command line, no signals."""

import logging
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge_gateway.checkpoints import Checkpoints
from edge_gateway.errors import CheckpointsError, GatewayError, SettingsError
from edge_gateway.events import Inbox
from edge_gateway.gateway import Gateway
from edge_gateway.gossip import Gossip
from edge_gateway.mqtt_settings import check_credential
from edge_gateway.outbox import Outbox
from edge_gateway.settings import GatewaySettings
from edge_gateway.uplink import Uplink
from edge_gateway.vehicle_bus import VehicleBus
from tracing.tracer import from_environment

log = logging.getLogger("edge_gateway")

_OPERATIONAL = 2
_MB = 1024 * 1024


def run(settings: GatewaySettings, stop: threading.Event) -> None:
    """Until `stop` is set.

    Raises SettingsError for bad files, OutboxError for a broken outbox, GatewayError when one of
    its threads has ended by a fault.
    """
    key = _load_key(settings.key_file)
    check_credential(settings.mqtt, settings.gateway)
    outbox = Outbox(
        settings.outbox_file, settings.gateway, key.sign, settings.limits.outbox_mb * _MB
    )
    try:
        _run(settings, outbox, _follow_logs(settings, key), stop)
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


def _run(settings: GatewaySettings, outbox: Outbox, gossip: Gossip, stop: threading.Event) -> None:
    inbox = Inbox(settings.limits.inbox_messages)
    heartbeat = {
        "State": _OPERATIONAL,
        "BootCount": outbox.count_start() & 0xFFFF,
        "SoftwareHash": _software_hash(),
    }
    bus = VehicleBus(settings.bus, settings.limits.commands_waiting, inbox, heartbeat)
    uplink = Uplink(settings.mqtt, settings.gateway, inbox)
    verify = _verifier(settings.ack_public_key)
    gateway = Gateway(settings, outbox, bus, uplink, inbox, verify, gossip)
    tracer = gateway.exchange.tracer = from_environment("gateway")
    gateway.start()
    log.info("gateway %s for vehicle %s", settings.gateway, settings.bus.vehicle)
    bus.start()
    uplink.start()
    try:
        while not stop.is_set():
            for event in inbox.take(gateway.wait_s()):
                gateway.handle(event)
            gateway.tick()
            if not (bus.alive and uplink.alive):
                # A fault of ours, with its trace in the log: better restarted than half alive.
                raise GatewayError("the thread of the bus or of the broker has ended")
        gateway.finish()
    finally:
        bus.stop()
        uplink.stop()
        tracer.close()


def _load_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise SettingsError(path, "key_file", error.strerror or "readable") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(path, "key_file", "an Ed25519 key, PEM, PKCS#8, unencrypted") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(path, "key_file", "an Ed25519 key, not another kind")
    return key


def _verifier(raw: bytes) -> Callable[[bytes, bytes], bool]:
    try:
        key = Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise SettingsError("settings", "ack_public_key", "an Ed25519 public key") from error

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verify


def _software_hash() -> int:
    """CRC-32 over this package's files: tells on the bus which build runs."""
    crc = 0
    for file in sorted(Path(__file__).parent.glob("*.py")):
        crc = zlib.crc32(file.read_bytes(), crc)
    return crc
