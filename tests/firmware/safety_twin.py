"""Feeds the safety kernel a long row of arbitrary inputs and prints a hash of all that it answers.

For both interpreters: `micropython safety_twin.py 20000`, the same with python.
"""

import hashlib
import sys

from vcu import safety as k

SPEEDS = (0, 0, 0, 0, 49, -49, 50, 299, 300, -300, 999, -999, 5_000, -5_000, 12_500, None)
MOTORS = (None, 0, 499, 500)
COMMANDS = (None,) * 60 + (k.UNLOCK, k.UNLOCK, k.LOCK_STILL, k.RESUME)
CAPS = (65_535, 65_535, 65_535, 12_500, 5_000, 2_000)
TIMES = (20, 20, 20, 20, 20, 20, 1, 100, 101, 1_000)


class Chance:
    """A linear congruential generator that gives the same numbers everywhere."""

    def __init__(self, seed):
        self._seed = seed

    def below(self, end):
        self._seed = (self._seed * 1_103_515_245 + 12_345) & 0x7FFFFFFF
        return (self._seed >> 8) % end

    def of(self, values):
        return values[self.below(len(values))]


def plain(values):
    """As text that both interpreters write alike; true and 1 are one."""
    return ",".join("None" if value is None else str(int(value)) for value in values)


def main(count):
    chance = Chance(20_260_715)
    state = k.start(0)
    total = hashlib.sha256()
    seen = set()
    speed, rider = 0, (1, 1, 1, 0, 0)
    for _ in range(count):
        time = chance.of(TIMES)
        if chance.below(40) == 0:
            speed = chance.of(SPEEDS)
        elif speed is not None and chance.below(4):
            # A stop that tyres can make.
            speed = max(0, speed - 15 * time) if speed > 0 else min(0, speed + 15 * time)
        if chance.below(8) == 0:
            rider = tuple(chance.below(2) for _ in range(2)) + (chance.below(3), 0, chance.below(2))
        dash = rider if chance.below(30) else None
        limit = chance.of(CAPS)
        given = k.Inputs(
            chance.of(COMMANDS), chance.below(200) == 0, speed, chance.of(MOTORS), dash,
            chance.below(3) > 0, chance.below(20) == 0, chance.below(40) == 0,
            limit, chance.below(4), chance.of(CAPS), chance.below(9) == 0,
        )  # fmt: skip
        state, outputs = k.step(state, given, time)
        seen.add(state.lock)
        total.update((plain(state) + ";" + plain(outputs) + "\n").encode())
    if len(seen) != len(k.STATES):
        raise ValueError("not every state was reached")
    print(count, "".join(f"{byte:02x}" for byte in total.digest()))


main(int(sys.argv[1]))
