"""The gateway's own thread: every decision and every durable write, one after the other.

Nothing is told to the vehicle before it is on disk, and nothing leaves the disk before the
backend's signed word. The threads of bus and broker only carry messages.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable

from edge_gateway.batch import Batch, Item, read_item
from edge_gateway.downlink import Commands, Delivery, Report, open_ack
from edge_gateway.errors import OutboxFullError
from edge_gateway.events import Arrived, Event, Inbox, LinkMessage
from edge_gateway.flight import Flight
from edge_gateway.gossip import Gossip
from edge_gateway.outbox import Outbox, known_time
from edge_gateway.refusals import Refusals
from edge_gateway.settings import GatewaySettings
from edge_gateway.uplink import Uplink
from edge_gateway.variants import AT_ONCE, Pace, Variants
from edge_gateway.vehicle_bus import VehicleBus
from edge_gateway.window import Name, Window
from protocol import courier, link, statement
from protocol.errors import DecodeError, VerifyError

log = logging.getLogger("edge_gateway")

_LONGEST_WAIT_S = 0.5
_HEALTH_S = 60.0
_REPORTS_KEPT = 64


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
        limits = settings.limits
        self._settings = settings
        self._vehicle = settings.bus.vehicle
        self._outbox = outbox
        self._bus = bus
        self._uplink = uplink
        self._inbox = inbox
        self._verify_ack = verify_ack
        self._gossip = gossip
        self._batch = Batch(settings.flush, limits)
        self._window = Window(outbox.window(self._vehicle), limits.records_ahead)
        self._flight = Flight(
            limits.statements_in_flight, limits.first_resend_s, limits.longest_resend_s
        )
        self._commands = Commands(self._vehicle, limits.commands_remembered)
        self._refusals = Refusals()
        self._variants = Variants()
        # Anybody on the bus can say hello: the chain tells of eight, then of one in ten seconds.
        self._attached_pace = Pace(8, 0.1)
        self._reports: deque[Report] = deque(maxlen=_REPORTS_KEPT)
        self._challenge: bytes | None = None
        self._is_challenge_out = False
        self._attached_boot: int | None = None
        # Records of earlier boots that came since the hello of this boot.
        self._earlier: set[Name] = set()
        self._is_other_vehicle = False
        self._told: Name | None = None
        self._session = 0
        self._health_at = time.monotonic() + _HEALTH_S
        self.counters: Counter[str] = Counter()

    def wait_s(self) -> float:
        """How long nothing is due."""
        now = time.monotonic()
        waits = [_LONGEST_WAIT_S]
        if self._batch.due_ms is not None:
            waits.append(self._batch.due_ms / 1000 - now)
        due = self._flight.next_due_s()
        if due is not None and self._uplink.connected:
            waits.append(due - now)
        return max(0.0, min(waits))

    def handle(self, event: Event) -> None:
        """One event. Bad input is counted and named; it raises only OutboxError."""
        if isinstance(event, LinkMessage):
            self._on_link(event.data)
        elif isinstance(event, Arrived):
            self._on_arrived(event)
        elif isinstance(event, Report):
            self._commands.finished(event)
            self._reports.append(event)

    def tick(self) -> None:
        """Whatever is due."""
        now = time.monotonic()
        if self._batch.due_ms is not None and self._batch.due_ms <= now * 1000:
            self._flush()
        if (text := self._refusals.due(now)) is not None:
            self._store_event(statement.RECORDS_REFUSED, text)
        self._publish(now)
        if now >= self._health_at:
            self._health_at = now + _HEALTH_S
            self.log_health()
            self._outbox.scrub()

    def start(self) -> None:
        """Say in the chain that we are here."""
        self._store_event(statement.STARTED, "edge gateway started")
        self._chain_disagreements()

    def finish(self) -> None:
        """Before the end: what waits for others to share its statement waits no longer."""
        self._flush()

    def log_health(self) -> None:
        parts = (self, self._inbox, self._bus, self._gossip)
        counts = {name: count for part in parts for name, count in part.counters.items()}
        log.info(
            "health: bus %s, broker %s, outbox %d, in flight %d, refused %d, told stored %s, %s",
            "up" if self._bus.connected else "down",
            "up" if self._uplink.connected else "down",
            self._outbox.count(),
            len(self._flight),
            self._outbox.refused_total(),
            self._told,
            counts,
        )

    # From the vehicle.

    def _on_link(self, message: bytes) -> None:
        try:
            kind, payload = link.unpack(message)
            if kind == link.RECORD:
                self._on_record(payload)
            elif kind == link.CHALLENGE:
                self._on_challenge(*link.decode_challenge(payload))
            elif kind == link.HELLO:
                self._on_hello(*link.decode_hello(payload))
            else:
                self.counters["link message of unknown type"] += 1
        except DecodeError as error:
            self.counters["link message malformed"] += 1
            log.warning("link message of %s: %s", self._vehicle, error)

    def _on_record(self, data: bytes) -> None:
        try:
            item = read_item(data)
            if item.vehicle != self._vehicle:
                raise DecodeError("vehicle", "record.vehicle")
        except DecodeError as error:
            self.counters["records refused"] += 1
            self._refusals.add(data, str(error))
            return
        if self._attached_boot is not None and item.name[0] < self._attached_boot:
            self._note_earlier(item.name)
        if self._window.has(*item.mark):
            self._on_repeated(item)
        elif item not in self._batch and self._admits(item):
            self._on_new(item)

    def _admits(self, item: Item) -> bool:
        """Others of its name may be stored: the backend, which has the key, knows which is true."""
        known = self._window.variants(item.name) + self._batch.variants(item.name)
        if known:
            self.counters["records with a name that is taken"] += 1
        if self._variants.admit(*item.mark, known, time.monotonic()):
            return True
        self.counters["records refused"] += 1
        boot, seq = item.name
        self._refusals.add(item.data, f"more than {AT_ONCE} are named boot {boot} seq {seq}")
        return False

    def _note_earlier(self, name: Name) -> None:
        if len(self._earlier) < self._settings.limits.records_ahead:
            self._earlier.add(name)

    def _settles(self, item: Item) -> bool:
        """A BOOT record counts what is left of earlier boots: is all of that here?"""
        return (
            item.unsent is not None
            and item.name[0] == self._attached_boot
            and len(self._earlier) >= item.unsent
        )

    def _on_new(self, item: Item) -> None:
        if not self._batch.fits(item):
            self._flush()
        self._batch.add(item, time.monotonic() * 1000)

    def _on_repeated(self, item: Item) -> None:
        self.counters["records repeated"] += 1
        # What waits in the batch may be what seems to be left out: to disk with it first.
        self._flush()
        # The flush may have forgotten its mark for others: then it counts from its next round.
        if self._window.has(*item.mark) and self._window.repeated(item.name, self._settles(item)):
            self._save_window()
        self._tell_stored([item.name])

    def _save_window(self) -> None:
        try:
            self._outbox.save_window(self._vehicle, self._window.state)
        except OutboxFullError as error:
            # It says less than is true, and the vehicle's next rounds will tell the same.
            self.counters["windows without room"] += 1
            log.error("outbox full: %s", error)

    def _on_challenge(self, challenge: bytes, life_s: int) -> None:
        now = known_time(time.time())
        if not now or self._is_other_vehicle:
            self.counters["challenges not published"] += 1
            return
        self._challenge = courier.encode_challenge(self._vehicle, challenge, now + life_s)
        self._is_challenge_out = False

    def _on_hello(self, vehicle: str, boot: int, firmware: str) -> None:
        self._is_other_vehicle = vehicle != self._vehicle
        if self._is_other_vehicle:
            self._challenge = None
            log.error("the bus of %s carries %s: check the wiring", self._vehicle, vehicle)
            return
        # No answer yet: what it does not know to be stored, it sends again right now.
        if boot == self._attached_boot:
            return
        self._attached_boot = boot
        self._earlier.clear()
        if self._told is not None and boot < self._told[0]:
            self._told = None
        text = f"{vehicle} boot {boot} firmware {firmware}"
        log.info("attached: %s", text)
        if self._attached_pace.take(time.monotonic()):
            self._store_event(statement.ATTACHED, text)
        newest = self._window.newest
        if newest is not None and boot < newest:
            told = f"boot counter went back to {boot} from {newest}, or that one is forged"
            self._refusals.add(text.encode(), told)

    # To disk.

    def _flush(self) -> None:
        items = self._batch.take()
        if not items:
            return
        settled = [item.name for item in items if self._settles(item)]
        window = self._window.after([item.mark for item in items], settled, self._attached_boot)
        try:
            # 1. On disk, whole. Without power from here on, nothing is lost or doubled.
            self._outbox.store_records(
                [item.data for item in items],
                known_time(time.time()),
                self._vehicle,
                window.state,
            )
        except OutboxFullError as error:
            # The vehicle keeps them and sends them again.
            self.counters["batches without room"] += 1
            log.error("outbox full, %d records left to the vehicle: %s", len(items), error)
            for item in items:
                self._variants.hold(*item.mark, time.monotonic())
            return
        self._window = window
        self.counters["records stored"] += len(items)
        # 2. Only now may the vehicle forget them.
        self._tell_stored([item.name for item in items])

    def _tell_stored(self, came: list[Name]) -> None:
        """Answer the records that came and are on disk now: at most up to the last of them."""
        attached = self._attached_boot
        if attached is None or any(boot > attached for boot, _ in came):
            # We missed its hello, or these are not its records.
            self._bus.greet()
        last: dict[int, Name] = {}
        for name in came:
            last[name[0]] = max(name, last.get(name[0], name))
        answers = [
            answer
            for boot, name in last.items()
            if attached is not None and boot <= attached
            if (answer := self._window.stored_up_to(name)) is not None
            if not self._variants.holds(self._told, answer, time.monotonic())
        ]
        if answers:
            self._told = max(answers)
            self._bus.stored(self._told)

    def _store_event(self, event: int, text: str) -> bool:
        try:
            self._outbox.store_event(event, text, known_time(time.time()))
        except OutboxFullError as error:
            self.counters["events without room"] += 1
            log.error("outbox full, not stored: %s: %s", text, error)
            return False
        return True

    # To and from the backend.

    def _on_arrived(self, event: Arrived) -> None:
        try:
            if event.topic == courier.topic(self._settings.gateway, courier.DOWN_ACK):
                self._on_ack(event.payload)
            elif event.topic == courier.topic(self._settings.gateway, courier.DOWN_COMMAND):
                self._on_command(event.payload)
            elif event.topic == courier.topic(self._settings.gateway, courier.DOWN_CHECKPOINT):
                self._on_checkpoint(event.payload)
            else:
                self.counters["unknown topic"] += 1
        except (DecodeError, VerifyError) as error:
            self.counters["downlink refused"] += 1
            log.warning("refused from %s: %s", event.topic, error)

    def _on_ack(self, unverified: bytes) -> None:
        verified = open_ack(unverified, self._settings.gateway, self._verify_ack)
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
        self._chain_disagreements()

    def _on_command(self, unverified: bytes) -> None:
        decided = self._commands.receive(unverified, known_time(time.time()))
        if isinstance(decided, Report):
            self._reports.append(decided)
        elif isinstance(decided, Delivery) and not self._bus.deliver(decided):
            # So many wait that the vehicle cannot be taking them.
            self.handle(Report(decided.command_id, courier.SILENT))

    def _on_checkpoint(self, unverified: bytes) -> None:
        found = self._gossip.received(unverified)
        if found is not None:
            log.error("%s", found)
            self._chain_disagreements()

    def _chain_disagreements(self) -> None:
        """Into the chain as well: there the backend cannot leave them out without a gap.

        Again at a start and when room was made: power may have gone, or the outbox was full.
        """
        self._gossip.to_chain(lambda text: self._store_event(statement.LOG_DISAGREES, text))

    def _publish(self, now: float) -> None:
        if self._uplink.session != self._session:
            self._session = self._uplink.session
            self._flight.reset()
            self._is_challenge_out = False
            self._gossip.connected()
        if not self._uplink.connected:
            return
        self._publish_challenge()
        for message in self._gossip.due(now):
            if not self._uplink.publish(courier.UP_SIGHTING, message):
                break
        while self._reports and self._publish_report(self._reports[0]):
            self._reports.popleft()
        self._resend(now)
        if self._flight.room > 0:
            self._send_next(now)

    def _publish_challenge(self) -> None:
        if self._challenge is not None and not self._is_challenge_out:
            self._is_challenge_out = self._uplink.publish(
                courier.UP_CHALLENGE, self._challenge, retain=True
            )

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
