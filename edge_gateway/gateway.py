"""The gateway's own thread: every decision and every durable write, one after the other.

`Intake` is the vehicle's side of it, `Exchange` the backend's; the disk is between them. The
threads of bus and broker only carry messages.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable

from edge_gateway.downlink import Report
from edge_gateway.errors import OutboxFullError
from edge_gateway.events import Arrived, Event, Inbox, LinkMessage
from edge_gateway.exchange import Exchange
from edge_gateway.gossip import Gossip
from edge_gateway.intake import Intake
from edge_gateway.outbox import Outbox, known_time
from edge_gateway.settings import GatewaySettings
from edge_gateway.uplink import Uplink
from edge_gateway.vehicle_bus import VehicleBus
from protocol import statement

log = logging.getLogger("edge_gateway")

_LONGEST_WAIT_S = 0.5
_HEALTH_S = 60.0


class Gateway:
    """Handles events and, in `tick`, what is due. One thread only."""

    def __init__(
        self,
        settings: GatewaySettings,
        outbox: Outbox,
        bus: VehicleBus,
        uplink: Uplink,
        inbox: Inbox,
        verify_ack: Callable[[bytes, bytes], bool],
        gossip: Gossip,
    ) -> None:
        tell = self._store_event
        self.intake = Intake(settings, outbox, bus, tell)
        self.exchange = Exchange(settings, outbox, bus, uplink, verify_ack, gossip, tell)
        self.counters: Counter[str] = Counter()
        self._outbox = outbox
        self._bus = bus
        self._uplink = uplink
        self._inbox = inbox
        self._gossip = gossip
        self._health_at = time.monotonic() + _HEALTH_S

    def wait_s(self) -> float:
        """How long nothing is due."""
        now = time.monotonic()
        due = [at - now for at in (self.intake.due_s, self.exchange.due_s) if at is not None]
        return max(0.0, min([_LONGEST_WAIT_S, *due]))

    def handle(self, event: Event) -> None:
        """One event. Bad input is counted and named; it raises only OutboxError."""
        if isinstance(event, LinkMessage):
            self.intake.take(event.data)
        elif isinstance(event, Arrived):
            self.exchange.take(event)
        elif isinstance(event, Report):
            self.exchange.report(event)

    def tick(self) -> None:
        """Whatever is due."""
        now = time.monotonic()
        self.intake.tick(now)
        self.exchange.publish(now, self.intake.challenge)
        if now >= self._health_at:
            self._health_at = now + _HEALTH_S
            self.log_health()
            self._outbox.scrub()

    def start(self) -> None:
        """Say in the chain that we are here."""
        self._store_event(statement.STARTED, "edge gateway started")
        self.exchange.chain_disagreements()

    def finish(self) -> None:
        """Before the end: what waits for others to share its statement waits no longer."""
        self.intake.flush()

    def log_health(self) -> None:
        parts = (self, self.intake, self.exchange, self._inbox, self._bus, self._gossip)
        counts = {name: count for part in parts for name, count in part.counters.items()}
        log.info(
            "health: bus %s, broker %s, outbox %d, in flight %d, refused %d, told stored %s, %s",
            "up" if self._bus.connected else "down",
            "up" if self._uplink.connected else "down",
            self._outbox.count(),
            self.exchange.in_flight,
            self._outbox.refused_total(),
            self.intake.told,
            counts,
        )

    def _store_event(self, event: int, text: str) -> bool:
        """Into the chain; False where the outbox is full."""
        try:
            self._outbox.store_event(event, text, known_time(time.time()))
        except OutboxFullError as error:
            self.counters["events without room"] += 1
            log.error("outbox full, not stored: %s: %s", text, error)
            return False
        return True
