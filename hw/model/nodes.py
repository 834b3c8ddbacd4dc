"""What every simulated node shares: cyclic messages with alive counters, checked reception."""

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping

from hw.can.database import VehicleBus
from hw.errors import FrameError
from hw.virtual_bus import VirtualBus

OPERATIONAL = 2  # <node>_Heartbeat.State
ALIVE_MASK = 15
HALF_TICK_MS = 10  # a message is sent at the tick nearest to its time


class Clock:
    """The simulation's time, moved by its tick alone."""

    def __init__(self) -> None:
        self.now_ms = 0


class Node(ABC):
    """Sends `messages` and its heartbeat at their cycles; keeps what it hears while it is fresh.

    A protected frame whose CRC is wrong, or whose alive counter stands still, counts as not heard.
    """

    name = ""
    messages: tuple[str, ...] = ()
    listens: tuple[str, ...] = ()

    def __init__(self, bus: VirtualBus, database: VehicleBus, clock: Clock, boot: int) -> None:
        self.refused: Counter[str] = Counter()
        self._database = database
        self._clock = clock
        self._heard: dict[str, tuple[int, dict[str, int]]] = {}
        self._last_alive: dict[str, int | None] = {}
        digest = hashlib.sha256(f"trifleet simulated {self.name}".encode()).digest()
        self._heartbeat = {
            "State": OPERATIONAL,
            "BootCount": boot & 0xFFFF,
            "SoftwareHash": int.from_bytes(digest[:4], "big"),
        }
        names = (*self.messages, f"{self.name}_Heartbeat")
        self._alive = dict.fromkeys(names, 0)
        # Each message begins at its own moment, so that they do not all queue in the same tick.
        self._due_ms = {name: 20 * i % database.cycle_ms(name) for i, name in enumerate(names)}
        self._identifiers = {name: database.identifier(name) for name in names}
        wanted = frozenset(database.identifier(name) for name in self.listens)
        self._port = bus.attach(self._receive, wanted)

    @abstractmethod
    def values(self, message: str) -> Mapping[str, int]:
        """The signals of one of `messages` now."""

    def tick(self) -> None:
        """Sends what is due."""
        now_ms = self._clock.now_ms
        for name, due_ms in self._due_ms.items():
            if now_ms + HALF_TICK_MS >= due_ms:
                self._send(name)
                cycle_ms = self._database.cycle_ms(name)
                self._due_ms[name] = max(due_ms + cycle_ms, now_ms)

    def heard(self, message: str) -> Mapping[str, int] | None:
        """The signals of a message that is younger than its timeout, else None."""
        known = self._heard.get(message)
        if known is None or self._clock.now_ms - known[0] > self._database.timeout_ms(message):
            return None
        return known[1]

    def close(self) -> None:
        self._port.close()

    def _send(self, name: str) -> None:
        beat = name not in self.messages
        values = self._heartbeat if beat else self.values(name)
        data = self._database.encode(name, values, self._alive[name])
        self._alive[name] = (self._alive[name] + 1) & ALIVE_MASK
        self._port.send(self._identifiers[name], data)

    def _receive(self, identifier: int, data: bytes) -> None:
        try:
            name, values = self._database.decode(identifier, data)
        except FrameError as error:
            self.refused[type(error).__name__] += 1
            return
        alive = values.get("Alive")
        # The last one however old it is, or a frozen sender would pass once a timeout.
        if alive is not None and alive == self._last_alive.get(name):
            self.refused["alive"] += 1
            return
        self._last_alive[name] = alive
        self._heard[name] = (self._clock.now_ms, values)
