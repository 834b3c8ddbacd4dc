"""Between the disk and the backend: statements and their acknowledgements, commands and reports.

Nothing leaves the disk before the backend's signed word.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable

from edge_gateway.downlink import Commands, Delivery, Report, open_ack
from edge_gateway.events import Arrived
from edge_gateway.flight import Flight
from edge_gateway.gossip import Gossip
from edge_gateway.outbox import Outbox, known_time
from edge_gateway.settings import GatewaySettings
from edge_gateway.uplink import Uplink
from edge_gateway.vehicle_bus import VehicleBus
from protocol import courier, statement
from protocol.errors import DecodeError, VerifyError
from tracing import ids
from tracing.tracer import OFF, Tracer

log = logging.getLogger("edge_gateway")

_REPORTS_KEPT = 64


class Exchange:
    """The backend's side of the gateway. Bad input is counted and named; one thread only.

    `tell` puts an event into the gateway's chain; False where there is no room.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        outbox: Outbox,
        bus: VehicleBus,
        uplink: Uplink,
        verify_ack: Callable[[bytes, bytes], bool],
        gossip: Gossip,
        tell: Callable[[int, str], bool],
    ) -> None:
        limits = settings.limits
        self.counters: Counter[str] = Counter()
        self._gateway = settings.gateway
        self._outbox = outbox
        self._bus = bus
        self._uplink = uplink
        self._verify_ack = verify_ack
        self._gossip = gossip
        self._tell = tell
        self.tracer: Tracer = OFF
        self._flight = Flight(
            limits.statements_in_flight, limits.first_resend_s, limits.longest_resend_s
        )
        self._commands = Commands(settings.bus.vehicle, limits.commands_remembered)
        self._reports: deque[Report] = deque(maxlen=_REPORTS_KEPT)
        self._session = 0
        self._challenge_out: bytes | None = None

    @property
    def due_s(self) -> float | None:
        """When a statement is to be sent again, in the time of `time.monotonic`."""
        return self._flight.next_due_s() if self._uplink.connected else None

    @property
    def in_flight(self) -> int:
        return len(self._flight)

    def report(self, report: Report) -> None:
        """How a command ended."""
        self.tracer.end(ids.DELIVER, report.command_id, courier.STATUSES[report.status].lower())
        self._commands.finished(report)
        self._reports.append(report)

    def take(self, event: Arrived) -> None:
        """One message of the broker. Raises OutboxError, nothing else."""
        try:
            if event.topic == courier.topic(self._gateway, courier.DOWN_ACK):
                self._on_ack(event.payload)
            elif event.topic == courier.topic(self._gateway, courier.DOWN_COMMAND):
                self._on_command(event.payload)
            elif event.topic == courier.topic(self._gateway, courier.DOWN_CHECKPOINT):
                self._on_checkpoint(event.payload)
            else:
                self.counters["unknown topic"] += 1
        except (DecodeError, VerifyError) as error:
            self.counters["downlink refused"] += 1
            log.warning("refused from %s: %s", event.topic, error)

    def _on_ack(self, unverified: bytes) -> None:
        verified = open_ack(unverified, self._gateway, self._verify_ack)
        deleted = self._outbox.delete(verified)
        self._flight.acknowledged([*verified.accepted, *verified.refused])
        self.counters["statements accepted"] += deleted.accepted
        if deleted.refused:
            log.error(
                "the backend refused %d statements, %d in all",
                deleted.refused,
                self._outbox.refused_total(),
            )
        if deleted.unknown:
            log.error("acknowledgement beyond the end of our chain: is this outbox an old copy?")
        self.chain_disagreements()

    def _on_command(self, unverified: bytes) -> None:
        decided = self._commands.receive(unverified, known_time(time.time()))
        if isinstance(decided, Delivery):
            self.tracer.begin(ids.DELIVER, decided.command_id)
        if isinstance(decided, Report):
            self._reports.append(decided)
        elif isinstance(decided, Delivery) and not self._bus.deliver(decided):
            # So many wait that the vehicle cannot be taking them.
            self.report(Report(decided.command_id, courier.SILENT))

    def _on_checkpoint(self, unverified: bytes) -> None:
        found = self._gossip.received(unverified)
        if found is not None:
            log.error("%s", found)
            self.chain_disagreements()

    def chain_disagreements(self) -> None:
        """Into the chain as well: there the backend cannot leave them out without a gap.

        Again at a start and when room was made: power may have gone, or the outbox was full.
        """
        self._gossip.to_chain(lambda text: self._tell(statement.LOG_DISAGREES, text))

    def publish(self, now: float, challenge: bytes | None) -> None:
        """Whatever is due, and the vehicle's newest challenge where it is not out yet."""
        if self._uplink.session != self._session:
            self._session = self._uplink.session
            self._flight.reset()
            self._challenge_out = None
            self._gossip.connected()
        if not self._uplink.connected:
            return
        self._publish_challenge(challenge)
        for message in self._gossip.due(now):
            if not self._uplink.publish(courier.UP_SIGHTING, message):
                break
        while self._reports and self._publish_report(self._reports[0]):
            self._reports.popleft()
        self._resend(now)
        if self._flight.room > 0:
            self._send_next(now)

    def _publish_challenge(self, challenge: bytes | None) -> None:
        if challenge is None or challenge == self._challenge_out:
            return
        if self._uplink.publish(courier.UP_CHALLENGE, challenge, retain=True):
            self._challenge_out = challenge

    def _publish_report(self, report: Report) -> bool:
        message = courier.encode_command_status(report.command_id, report.status)
        return self._uplink.publish(courier.UP_COMMAND, message)

    def _resend(self, now: float) -> None:
        for seq in self._flight.due(now):
            message = self._outbox.message(seq)
            if message is None:
                self._flight.forget(seq)
            elif self._uplink.publish(courier.UP_STATEMENT, message):
                self.counters["statements sent again"] += 1
                self._flight.sent(seq, now)

    def _send_next(self, now: float) -> None:
        for pending in self._outbox.pending(self._flight.last, self._flight.room):
            if not self._uplink.publish(courier.UP_STATEMENT, pending.message):
                return
            self._flight.sent(pending.seq, now)
