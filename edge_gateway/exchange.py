"""Between the disk and the backend: statements and their acknowledgements, commands and reports.

Nothing leaves the disk before the backend's signed word.
"""

import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping

from edge_gateway.clock import Clock
from edge_gateway.downlink import Commands, Delivery, Report, open_ack
from edge_gateway.errors import OutboxFullError
from edge_gateway.events import Arrived
from edge_gateway.flight import Flight
from edge_gateway.gossip import Gossip
from edge_gateway.lanes import Lanes
from edge_gateway.outbox import Outbox
from edge_gateway.room import Room
from edge_gateway.settings import GatewaySettings
from edge_gateway.uplink import Uplink
from edge_gateway.vehicle_bus import VehicleBus
from fleet_backend.tracing import ids
from fleet_backend.tracing.tracer import OFF, Tracer
from protocol import courier, statement
from protocol.ack import Ack
from protocol.errors import DecodeError, VerifyError

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
        buses: Mapping[str, VehicleBus],
        uplink: Uplink,
        verify_ack: Callable[[bytes, bytes], bool],
        gossip: Gossip,
        tell: Callable[[int, str], bool],
        clock: Clock,
        room: Room,
    ) -> None:
        limits = settings.limits
        self.counters: Counter[str] = Counter()
        self._gateway = settings.gateway
        self._outbox = outbox
        self._buses = buses
        self._clock = clock
        self._room = room
        self._uplink = uplink
        self._verify_ack = verify_ack
        self._gossip = gossip
        self._tell = tell
        self.tracer: Tracer = OFF
        # Where there are updates: an answer about releases, and a command on its way.
        self.on_release: Callable[[bytes], None] | None = None
        self.on_delivery: Callable[[str, bytes], None] | None = None
        self._lanes = Lanes(
            limits.statements_in_flight, limits.first_resend_s, limits.longest_resend_s
        )
        kept = limits.commands_remembered
        self._commands = Commands(buses, kept, outbox.commands(kept), self._remember)
        self._commands_kept = kept
        self._reports: deque[Report] = deque(maxlen=_REPORTS_KEPT)
        # Verified, and not acted on yet.
        self._acks = Ack(settings.gateway, [], [])
        # A change of our key goes to the backend before all else.
        self._change = Flight(1, limits.first_resend_s, limits.longest_resend_s)
        # Ours; the backend may say that it is over. Set by who knows it.
        self.public_key = b""
        self._session = 0
        # By vehicle, what is retained on its topic.
        self._challenges_out: dict[str, bytes] = {}

    @property
    def due_s(self) -> float | None:
        """When a statement is to be sent again, in the time of `time.monotonic`."""
        if not self._uplink.connected:
            return None
        one = self._lanes if self._outbox.signer.change is None else self._change
        return one.next_due_s()

    @property
    def in_flight(self) -> int:
        return len(self._lanes)

    def report(self, report: Report) -> None:
        """How a command ended."""
        self.tracer.end(ids.DELIVER, report.command_id, courier.STATUSES[report.status].lower())
        self._commands.finished(report)
        self._reports.append(report)

    def take(self, event: Arrived) -> None:
        """One message of the broker. Raises OutboxError, ReplacedKeyError, nothing else."""
        try:
            if event.topic == courier.topic(self._gateway, courier.DOWN_ACK):
                self._on_ack(event.payload)
            elif event.topic == courier.topic(self._gateway, courier.DOWN_COMMAND):
                self._on_command(event.payload)
            elif event.topic == courier.topic(self._gateway, courier.DOWN_CHECKPOINT):
                self._on_checkpoint(event.payload)
            elif event.topic == courier.topic(self._gateway, courier.DOWN_RELEASE):
                if self.on_release is not None:
                    self.on_release(event.payload)
            else:
                self.counters["unknown topic"] += 1
        except (DecodeError, VerifyError) as error:
            self.counters["downlink refused"] += 1
            log.warning("refused from %s: %s", event.topic, error)

    def _on_ack(self, unverified: bytes) -> None:
        verified = open_ack(unverified, self._gateway, self._verify_ack)
        change = self._outbox.signer.change
        is_refused = change is not None and any(a <= change <= b for a, b in verified.refused)
        if is_refused or (verified.replaced and verified.replaced == self.public_key):
            raise self._outbox.end_key(self.public_key)
        self._acks.accepted.extend(verified.accepted)
        self._acks.refused.extend(verified.refused)

    def _settle(self) -> None:
        """Forget what was acknowledged since the last turn, all of it in one commit."""
        verified, self._acks = self._acks, Ack(self._gateway, [], [])
        if not (verified.accepted or verified.refused):
            return
        try:
            deleted = self._outbox.delete(verified)
        except OutboxFullError as error:
            # Nothing was forgotten. It is sent again, and acknowledged again.
            self._room.refused("acknowledgements", error)
            return
        self._room.stored()
        self._lanes.acknowledged([*verified.accepted, *verified.refused])
        self.counters["statements accepted"] += deleted.accepted
        if deleted.refused:
            log.error(
                "the backend refused statements",
                extra={"refused": deleted.refused, "in_all": self._outbox.refused_total()},
            )
        if deleted.unknown:
            log.error("acknowledgement beyond the end of our chain: is this outbox an old copy?")
        self.chain_disagreements()

    def _on_command(self, unverified: bytes) -> None:
        decided = self._commands.receive(unverified, self._clock.read().time)
        if isinstance(decided, Delivery):
            self.tracer.begin(ids.DELIVER, decided.command_id)
            if self.on_delivery is not None:
                self.on_delivery(decided.vehicle, decided.presentation)
        if isinstance(decided, Report):
            self._reports.append(decided)
        elif isinstance(decided, Delivery) and not self._buses[decided.vehicle].deliver(decided):
            # So many wait that the vehicle cannot be taking them.
            self.report(Report(decided.command_id, courier.SILENT))

    def _remember(self, digest: bytes, status: int) -> None:
        """On disk before the first frame, so that a copy is known after a restart as well."""
        try:
            self._outbox.remember_command(digest, status, self._commands_kept)
        except OutboxFullError as error:
            # A full disk closes no vehicle: this run knows it, and the vehicle by its challenge.
            self._room.refused("commands", error)

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

    def publish(self, now: float, challenges: Mapping[str, bytes | None]) -> None:
        """Whatever is due, and each vehicle's newest challenge where it is not out yet."""
        self._outbox.check_key()
        self._settle()
        if self._uplink.session != self._session:
            self._session = self._uplink.session
            self._lanes.reset(self._outbox.next_seq)
            self._change.reset()
            self._challenges_out.clear()
            self._gossip.connected()
        if not self._uplink.connected:
            return
        for vehicle, challenge in challenges.items():
            self._publish_challenge(vehicle, challenge)
        while self._reports and self._publish_report(self._reports[0]):
            self._reports.popleft()
        if self._outbox.signer.change is not None:
            self._send_change(self._outbox.signer.change, now)
            return
        for message in self._gossip.due(now):
            if not self._uplink.publish(courier.UP_SIGHTING, message):
                break
        self._resend(now)
        self._send_next(now)

    def _send_change(self, seq: int, now: float) -> None:
        """Alone: the backend can judge nothing that the new key signs before it knows of it."""
        if seq in self._change and not self._change.due(now):
            return
        message = self._outbox.message(seq)
        if message is not None and self._uplink.publish(courier.UP_STATEMENT, message):
            self._change.sent(seq, now)

    def _publish_challenge(self, vehicle: str, challenge: bytes | None) -> None:
        if challenge is None or challenge == self._challenges_out.get(vehicle):
            return
        if self._uplink.publish(courier.challenge_name(vehicle), challenge, retain=True):
            self._challenges_out[vehicle] = challenge

    def _publish_report(self, report: Report) -> bool:
        message = courier.encode_command_status(report.command_id, report.status)
        return self._uplink.publish(courier.UP_COMMAND, message)

    def _resend(self, now: float) -> None:
        for seq in self._lanes.due(now):
            message = self._outbox.message(seq)
            if message is None:
                self._lanes.forget(seq)
            elif self._uplink.publish(courier.UP_STATEMENT, message):
                self.counters["statements sent again"] += 1
                self._lanes.again(seq, now)

    def _send_next(self, now: float) -> None:
        lanes = self._lanes
        lanes.advance(self._outbox.next_seq)
        after, room = lanes.next_live()
        for pending in self._outbox.pending(after, room) if room > 0 else ():
            if not self._uplink.publish(courier.UP_STATEMENT, pending.message):
                return
            lanes.sent_live(pending.seq, now)
        after, room = lanes.next_backlog()
        for pending in self._outbox.pending(after, room, lanes.boundary) if room > 0 else ():
            is_out = pending.seq in lanes.live
            if not is_out and not self._uplink.publish(courier.UP_STATEMENT, pending.message):
                return
            lanes.sent_backlog(pending.seq, now)
