"""The gateway's own thread: every decision and every durable write, one after the other.

`Intake` is the vehicle's side of it, `Exchange` the backend's; the disk is between them. The
threads of bus and broker only carry messages.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping

from edge_gateway.clock import Clock, steady_s
from edge_gateway.downlink import Report
from edge_gateway.errors import OutboxFullError
from edge_gateway.events import Arrived, Event, Inbox, LinkMessage
from edge_gateway.exchange import Exchange
from edge_gateway.gossip import Gossip
from edge_gateway.health import Picture, reasons
from edge_gateway.intake import Intake
from edge_gateway.outbox import Outbox
from edge_gateway.room import Room
from edge_gateway.settings import GatewaySettings
from edge_gateway.uplink import Uplink
from edge_gateway.vehicle_bus import VehicleBus
from protocol import statement

log = logging.getLogger("edge_gateway")

_LONGEST_WAIT_S = 0.5
_HEALTH_S = 60.0
_PICTURE_S = 1.0
# A restart with a clock that is so far behind the last statement lost its time meanwhile.
_BEHIND_S = 60


class Gateway:
    """Handles events and, in `tick`, what is due. One thread only."""

    def __init__(
        self,
        settings: GatewaySettings,
        outbox: Outbox,
        buses: Mapping[str, VehicleBus],
        uplink: Uplink,
        inbox: Inbox,
        verify_ack: Callable[[bytes, bytes], bool],
        gossip: Gossip,
        clock: Clock,
    ) -> None:
        """`buses` by vehicle."""
        tell = self._store_event
        self.room = Room(outbox, clock)
        self.intakes = {
            vehicle: Intake(settings, vehicle, outbox, bus, tell, clock, self.room)
            for vehicle, bus in buses.items()
        }
        self.exchange = Exchange(
            settings, outbox, buses, uplink, verify_ack, gossip, tell, clock, self.room
        )
        self.counters: Counter[str] = Counter()
        # The last one; a value, so other threads may read it.
        self.picture: Picture | None = None
        self._name = settings.gateway
        self._began_s = steady_s()
        self._outbox = outbox
        self._buses = buses
        self._clock = clock
        self._uplink = uplink
        self._inbox = inbox
        self._gossip = gossip
        self._picture_at = 0.0
        self._health_at = time.monotonic() + _HEALTH_S

    def wait_s(self) -> float:
        """How long nothing is due."""
        now = time.monotonic()
        times = [self.exchange.due_s, *(one.due_s for one in self.intakes.values())]
        due = [at - now for at in times if at is not None]
        return max(0.0, min([_LONGEST_WAIT_S, *due]))

    def handle(self, event: Event) -> None:
        """One event. Bad input is counted and named; it raises only OutboxError."""
        if isinstance(event, LinkMessage):
            self.intakes[event.vehicle].take(event.data)
        elif isinstance(event, Arrived):
            self.exchange.take(event)
        elif isinstance(event, Report):
            self.exchange.report(event)

    def tick(self) -> None:
        """Whatever is due."""
        now = time.monotonic()
        if (jump_s := self._clock.jumped_s()) is not None:
            self._tell_jump(jump_s)
        for intake in self.intakes.values():
            intake.tick(now)
        self.room.tick()
        self.exchange.publish(now, {name: one.challenge for name, one in self.intakes.items()})
        if now >= self._picture_at:
            self._picture_at = now + _PICTURE_S
            self.picture = self._take_picture()
        if now >= self._health_at:
            self._health_at = now + _HEALTH_S
            self.log_health()
            self._scrub()

    def _tell_jump(self, jump_s: int) -> None:
        log.warning("the clock jumped by %+d s", jump_s)
        self.counters["clock jumps"] += 1
        self._store_event(statement.CLOCK_JUMPED, f"the clock jumped by {jump_s:+d} s")

    def _scrub(self) -> None:
        try:
            self._outbox.scrub()
        except OutboxFullError as error:
            self.room.refused("scrubs", error)

    def start(self) -> None:
        """Say in the chain that we are here, and by a clock that is behind what was signed."""
        now, last = self._clock.read().time, self._outbox.last_time()
        if now and last - now > _BEHIND_S:
            self._tell_jump(now - last)
        self._store_event(statement.STARTED, "edge gateway started")
        self.exchange.chain_disagreements()

    def finish(self) -> None:
        """Before the end: what waits for others to share its statement waits no longer."""
        for intake in self.intakes.values():
            intake.flush()

    def log_health(self) -> None:
        told = {
            "buses_up": sum(bus.connected for bus in self._buses.values()),
            "buses": len(self._buses),
            "broker": self._uplink.connected,
            "outbox": self._outbox.count(),
            "in_flight": self.exchange.in_flight,
            "refused": self._outbox.refused_total(),
            "counts": dict(self.counts()),
        }
        log.info("health", extra=told)

    @property
    def status(self) -> str:
        """One line for who supervises this process."""
        picture = self.picture
        wrong = reasons(picture, steady_s())
        state = ", ".join(f"{one.code} {one.vehicle}".strip() for one in wrong) or "healthy"
        return f"{state}; {picture.statements if picture else 0} statements wait"

    def _take_picture(self) -> Picture:
        now = steady_s()
        reading = self._clock.read()
        return Picture(
            gateway=self._name,
            made_s=now,
            uptime_s=int(now - self._began_s),
            buses={name: bus.connected for name, bus in self._buses.items()},
            broker=self._uplink.connected,
            statements=self._outbox.count(),
            in_flight=self.exchange.in_flight,
            outbox_permille=self._outbox.used_permille(),
            is_full=self.room.full,
            refused=self._outbox.refused_total(),
            samples_thinned=self._outbox.thinned_total(),
            clock=reading.clock,
            error_ms=reading.error_ms,
            counts=self.counts(),
        )

    def counts(self) -> Counter[str]:
        """Everything that is counted, of all buses together."""
        ours = [
            self.counters,
            self.room.counters,
            self.exchange.counters,
            self._inbox.counters,
            self._gossip.counters,
        ]
        ours += [one.counters for one in self.intakes.values()]
        ours += [one.counters for one in self._buses.values()]
        return sum(ours, Counter())

    def _store_event(self, event: int, text: str) -> bool:
        """Into the chain; False where the outbox is full."""
        try:
            self._outbox.store_event(event, text, self._clock.read())
        except OutboxFullError as error:
            self.room.refused("events", error)
            return False
        self.room.stored()
        return True
