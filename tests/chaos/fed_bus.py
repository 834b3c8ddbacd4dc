"""The bus of a simulated vehicle, in the place of `edge_gateway.vehicle_bus.VehicleBus`.

The vehicle survives what its gateway dies of, so what it knows is in a file: a record is made at
its time whatever happens, is sent in order, and is sent again from the first one that it was not
told to be stored (docs/protocol.md section 9).
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_gateway.bus_settings import BusSettings
from edge_gateway.downlink import Delivery
from edge_gateway.events import Inbox, LinkMessage
from protocol import link, lock, record
from protocol.mac import Hmac

BOOT = 1
WINDOW = 8
_AGAIN_S = 2.0
_TURN_S = 0.05
_EVENT_EVERY = 10

Name = tuple[int, int]


@dataclass(frozen=True)
class Script:
    """What a vehicle says: `count` records from `begin_s` on, one each `period_s` (wall time)."""

    begin_s: float
    period_s: float
    count: int


def make_record(vehicle: str, key: bytes, script: Script, seq: int) -> bytes:
    """The same bytes each time that it is asked for."""
    at = script.begin_s + seq * script.period_s
    kind, body = record.TELEMETRY, {0: 1000 + seq % 500, 1: seq, 4: 900 - seq % 300}
    if seq % _EVENT_EVERY == 0:
        is_drive = seq // _EVENT_EVERY % 2
        states = (lock.DRIVE, lock.LOCKED) if is_drive else (lock.LOCKED, lock.DRIVE)
        kind, body = record.LOCK, {0: states[0], 1: states[1], 2: lock.COMMAND}
    made = record.Record(vehicle, BOOT, seq, seq * 10, int(at), kind, dict(body))
    return record.encode(made, Hmac(key).tag)


class FedVehicle:
    """What survives: how far the gateway said that it has stored."""

    def __init__(self, name: str, key: bytes, script: Script, file: Path) -> None:
        self.name = name
        self.script = script
        self._key = key
        self._file = file
        self.stored = int(file.read_text()) if file.exists() else 0  # records, from the first on
        self.sent = self.stored
        self._progress_s = 0.0

    @property
    def is_done(self) -> bool:
        return self.stored >= self.script.count

    def told(self, name: Name) -> None:
        """Everything up to this one is stored. One that was never sent would be a lie."""
        boot, seq = name
        if boot != BOOT or seq >= self.sent:
            raise AssertionError(f"{self.name}: stored {name}, sent {self.sent}")
        if seq + 1 > self.stored:
            self.stored = seq + 1
            self._progress_s = time.monotonic()
            draft = self._file.with_suffix(".new")
            draft.write_text(str(self.stored))
            draft.replace(self._file)

    def due(self, wall_s: float) -> list[bytes]:
        """Records to send now."""
        now = time.monotonic()
        if self.sent > self.stored and now - self._progress_s > _AGAIN_S:
            self.sent, self._progress_s = self.stored, now
        made = min(int((wall_s - self.script.begin_s) / self.script.period_s), self.script.count)
        last = min(made, self.stored + WINDOW)
        found = [make_record(self.name, self._key, self.script, n) for n in range(self.sent, last)]
        self.sent = max(self.sent, last)
        return found


class FedBus:
    """As VehicleBus; `vehicles` and `wall_s` are set by the host before any is made."""

    vehicles: Mapping[str, FedVehicle] = {}
    wall_s: Callable[[], float] = time.time

    def __init__(
        self,
        settings: BusSettings,
        waiting: int,
        inbox: Inbox,
        heartbeat: Mapping[str, int],
        *,
        diagnoses: bool = False,
    ) -> None:
        assert waiting > 0 and not diagnoses  # nobody updates here
        assert heartbeat["State"]
        self.counters: Counter[str] = Counter()
        self.connected = False
        self._vehicle = self.vehicles[settings.vehicle]
        self._inbox = inbox
        self._stop = threading.Event()
        self._stored: Name | None = None
        self._hello = True
        self._thread = threading.Thread(target=self._run, name=settings.vehicle, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def stored(self, name: Name) -> None:
        self._stored = name if self._stored is None else max(self._stored, name)

    def greet(self) -> None:
        self._hello = True

    def deliver(self, delivery: Delivery) -> bool:
        raise AssertionError(f"nobody sent a command, and here is {delivery.command_id.hex()}")

    def _run(self) -> None:
        self.connected = True
        name = self._vehicle.name
        while not self._stop.wait(_TURN_S):
            if self._hello:
                self._hello = False
                self._say(link.encode_hello(name, BOOT, "chaos"))
            told, self._stored = self._stored, None
            if told is not None:
                self._vehicle.told(told)
            for data in self._vehicle.due(type(self).wall_s()):
                self._say(link.pack(link.RECORD, data))

    def _say(self, message: bytes) -> None:
        self._inbox.put(LinkMessage(self._vehicle.name, message))
