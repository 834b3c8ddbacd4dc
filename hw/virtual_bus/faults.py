"""Faults on request: which frames are lost, destroyed or altered. Seeded, so that a run repeats."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from hw.errors import BusError
from hw.virtual_bus.frame import Frame

# drop: nobody receives it and nobody notices, as with a receiver's full FIFO.
# corrupt: an error frame; the sender's error counter rises and the frame is not repeated.
# flip: one data bit differs although the frame check is right, as after a faulty bridge.
Kind = Literal["drop", "corrupt", "flip"]
KINDS = ("drop", "corrupt", "flip")


@dataclass(eq=False)
class Fault:
    """One rule. `count` frames are hit at most; None for no limit."""

    kind: Kind
    predicate: Callable[[Frame], bool]
    probability: float
    chance: random.Random
    count: int | None
    owner: "Faults"
    hits: int = field(default=0, init=False)

    def remove(self) -> None:
        """Ends the fault; harmless when it has ended."""
        self.owner.discard(self)

    def strikes(self, frame: Frame) -> bool:
        """Whether this frame is hit; counts it."""
        if self.count is not None and self.hits >= self.count:
            return False
        if not self.predicate(frame) or self.chance.random() >= self.probability:
            return False
        self.hits += 1
        return True


class Faults:
    """The rules of one bus; the first that strikes decides."""

    def __init__(self) -> None:
        self._rules: tuple[Fault, ...] = ()
        self._lock = threading.Lock()  # for changes; the bus takes the tuple as it is

    def add(
        self,
        kind: Kind,
        predicate: Callable[[Frame], bool] = lambda frame: True,
        *,
        probability: float = 1.0,
        seed: int = 0,
        count: int | None = None,
    ) -> Fault:
        """Adds a rule and returns it. Raises BusError for a kind or a probability that is none."""
        if kind not in KINDS:
            raise BusError(f"fault {kind!r} is none of {', '.join(KINDS)}")
        if not 0.0 <= probability <= 1.0:
            raise BusError(f"probability {probability} is not within 0 and 1")
        # Simulation, not security: a repeatable generator is wanted.
        fault = Fault(kind, predicate, probability, random.Random(seed), count, self)  # noqa: S311
        with self._lock:
            self._rules = (*self._rules, fault)
        return fault

    def discard(self, fault: Fault) -> None:
        """Takes a rule away."""
        with self._lock:
            self._rules = tuple(rule for rule in self._rules if rule is not fault)

    def outcome(self, frame: Frame) -> tuple[Kind | None, Frame]:
        """What happens to the frame, and the frame that the receivers would see."""
        for rule in self._rules:
            if rule.strikes(frame):
                return rule.kind, _flipped(frame, rule.chance) if rule.kind == "flip" else frame
        return None, frame


def _flipped(frame: Frame, chance: random.Random) -> Frame:
    if not frame.data:
        return frame
    data = bytearray(frame.data)
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return frame._replace(data=bytes(data))
