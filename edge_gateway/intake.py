"""From the vehicle to the disk: what its records are, which of them are stored, what it is told.

Nothing is told to the vehicle before it is on disk.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable

from edge_gateway.batch import Batch, Item, read_item, share
from edge_gateway.clock import Clock
from edge_gateway.errors import OutboxFullError
from edge_gateway.outbox import Outbox
from edge_gateway.refusals import Refusals
from edge_gateway.room import Room
from edge_gateway.settings import GatewaySettings
from edge_gateway.variants import AT_ONCE, Pace, Variants
from edge_gateway.vehicle_bus import VehicleBus
from edge_gateway.window import Name, Window
from protocol import courier, link, statement
from protocol.errors import DecodeError

log = logging.getLogger("edge_gateway")


class Intake:
    """One vehicle's side of the gateway. Bad input is counted and named; one thread only.

    `tell` puts an event into the gateway's chain; False where there is no room.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        vehicle: str,
        outbox: Outbox,
        bus: VehicleBus,
        tell: Callable[[int, str], bool],
        clock: Clock,
        room: Room,
    ) -> None:
        self.counters: Counter[str] = Counter()
        # What the vehicle asks grants to answer to; None while it has not said, or is another one.
        self.challenge: bytes | None = None
        self.told: Name | None = None
        self._limits = settings.limits
        self._vehicle = vehicle
        self._clock = clock
        self._room = room
        self._outbox = outbox
        self._bus = bus
        self._tell = tell
        self._batch = Batch(settings.flush, settings.limits)
        self._window = Window(outbox.window(self._vehicle), settings.limits.records_ahead)
        self._refusals = Refusals()
        self._variants = Variants()
        # Anybody on the bus can say hello: the chain tells of eight, then of one in ten seconds.
        self._attached_pace = Pace(8, 0.1)
        self._attached_boot: int | None = None
        # Records of earlier boots that came since the hello of this boot.
        self._earlier: set[Name] = set()
        self._is_other_vehicle = False

    @property
    def due_s(self) -> float | None:
        """When the batch is to be on disk, in the time of `time.monotonic`."""
        return None if self._batch.due_ms is None else self._batch.due_ms / 1000

    def tick(self, now: float) -> None:
        """Whatever is due."""
        if self._batch.due_ms is not None and self._batch.due_ms <= now * 1000:
            self.flush()
        if (text := self._refusals.due(now)) is not None:
            self._tell(statement.RECORDS_REFUSED, f"{self._vehicle}: {text}")

    def take(self, message: bytes) -> None:
        """One message of the record channel. Raises OutboxError, nothing else."""
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
        if len(self._earlier) < self._limits.records_ahead:
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
            self.flush()
        self._batch.add(item, time.monotonic() * 1000)

    def _on_repeated(self, item: Item) -> None:
        self.counters["records repeated"] += 1
        # What waits in the batch may be what seems to be left out: to disk with it first.
        self.flush()
        # The flush may have forgotten its mark for others: then it counts from its next round.
        if self._window.has(*item.mark) and self._window.repeated(item.name, self._settles(item)):
            self._save_window()
        self._tell_stored([item.name])

    def _save_window(self) -> None:
        try:
            self._outbox.save_window(self._vehicle, self._window.state)
        except OutboxFullError as error:
            # It says less than is true, and the vehicle's next rounds will tell the same.
            self._room.refused("windows", error)

    def _on_challenge(self, challenge: bytes, life_s: int) -> None:
        now = self._clock.read().time
        if not now or self._is_other_vehicle:
            self.counters["challenges not published"] += 1
            return
        self.challenge = courier.encode_challenge(self._vehicle, challenge, now + life_s)

    def _on_hello(self, vehicle: str, boot: int, firmware: str) -> None:
        self._is_other_vehicle = vehicle != self._vehicle
        if self._is_other_vehicle:
            self.challenge = None
            log.error("the bus of %s carries %s: check the wiring", self._vehicle, vehicle)
            return
        # No answer yet: what it does not know to be stored, it sends again right now.
        if boot == self._attached_boot:
            return
        self._attached_boot = boot
        self._earlier.clear()
        if self.told is not None and boot < self.told[0]:
            self.told = None
        text = f"{vehicle} boot {boot} firmware {firmware}"
        log.info("attached: %s", text)
        if self._attached_pace.take(time.monotonic()):
            self._tell(statement.ATTACHED, text)
        newest = self._window.newest
        if newest is not None and boot < newest:
            told = f"boot counter went back to {boot} from {newest}, or that one is forged"
            self._refusals.add(text.encode(), told)

    def flush(self) -> None:
        """What waits for others to share its statement waits no longer."""
        items = self._batch.take()
        if not items:
            return
        settled = [item.name for item in items if self._settles(item)]
        window = self._window.after([item.mark for item in items], settled, self._attached_boot)
        try:
            # 1. On disk, whole. Without power from here on, nothing is lost or doubled.
            self._outbox.store_parts(
                share(items, apart=self._room.is_scarce),
                self._clock.read(),
                self._vehicle,
                window.state,
            )
        except OutboxFullError as error:
            # The vehicle keeps them and sends them again.
            self._room.refused("batches", error)
            for item in items:
                self._variants.hold(*item.mark, time.monotonic())
            return
        self._window = window
        self._room.stored()
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
            if not self._variants.holds(self.told, answer, time.monotonic())
        ]
        if answers:
            self.told = max(answers)
            self._bus.stored(self.told)
