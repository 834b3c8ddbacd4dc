"""Sends what waits, by the gateway's own line: outbox, exchange and broker are the same code."""

import time

from edge_gateway.checkpoints import Checkpoints
from edge_gateway.downlink import open_ack
from edge_gateway.errors import CheckpointsError, GatewayError
from edge_gateway.events import Arrived, Inbox
from edge_gateway.exchange import Exchange
from edge_gateway.gossip import Gossip
from edge_gateway.keys import load_verifier
from edge_gateway.mqtt_settings import check_credential
from edge_gateway.room import Room
from edge_gateway.uplink import Uplink
from protocol import courier
from protocol.errors import DecodeError, VerifyError
from trifleet.notary.notary import Notary

_TURN_S = 0.2


def deliver(notary: Notary, wait_s: float) -> int:
    """Until nothing waits, or so many seconds went by. How many statements still wait.

    Raises SettingsError for files that are not usable, ReplacedKeyError for an old copy.
    """
    if not notary.outbox.count():
        return 0
    found = notary.settings
    check_credential(found.mqtt, found.gateway)
    inbox = Inbox(found.limits.inbox_messages)
    uplink = Uplink(found.mqtt, found.gateway, inbox)
    exchange = _exchange(notary, uplink)
    uplink.start()
    end = time.monotonic() + wait_s
    try:
        while notary.outbox.count() and time.monotonic() < end:
            for event in inbox.take(_TURN_S):
                if isinstance(event, Arrived):
                    _note(notary, event)
                    exchange.take(event)
            exchange.publish(time.monotonic(), {})
            if not uplink.alive:
                raise GatewayError("the thread of the broker has ended")
    finally:
        uplink.stop()
    return notary.outbox.count()


def _exchange(notary: Notary, uplink: Uplink) -> Exchange:
    found, verify = notary.settings, load_verifier(notary.settings.ack_public_key)
    try:
        store = Checkpoints(found.checkpoints_file)
        gossip = Gossip(found, store, notary.key.sign)
    except CheckpointsError:
        gossip = Gossip(found, None, notary.key.sign)
    tell = lambda event, text: _tell(notary, event, text)  # noqa: E731
    room = Room(notary.outbox, notary.clock)
    exchange = Exchange(found, notary.outbox, {}, uplink, verify, gossip, tell, notary.clock, room)
    exchange.public_key = notary.public_key
    return exchange


def _tell(notary: Notary, event: int, text: str) -> bool:
    """A log that shows a notary two histories is in its chain as in a gateway's."""
    notary.outbox.store_event(event, text, notary.clock.read())
    notary.copy_waiting()
    return True


def _note(notary: Notary, event: Arrived) -> None:
    """In the archive before the outbox forgets it; what does not verify says nothing."""
    if event.topic != courier.topic(notary.name, courier.DOWN_ACK):
        return
    verify = load_verifier(notary.settings.ack_public_key)
    try:
        found = open_ack(event.payload, notary.name, verify)
    except (DecodeError, VerifyError):
        return  # the exchange counts and names it
    notary.archive.acknowledge(found.accepted, found.refused)
