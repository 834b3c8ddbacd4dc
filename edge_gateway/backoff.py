"""Waiting times between attempts: doubling, with jitter, so that a fleet does not knock at once."""

import random

# Not the shared generator: what else in the process draws from that one must stay repeatable.
_JITTER = random.SystemRandom()


class Backoff:
    """`next_s` after every failure, `reset` after success."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._times = 0

    def next_s(self) -> float:
        """Between half and the whole of first, 2 x first, 4 x first ... longest."""
        wait = min(self._first_s * 2.0**self._times, self._longest_s)
        self._times = min(self._times + 1, 16)
        return wait * _JITTER.uniform(0.5, 1.0)

    def reset(self) -> None:
        self._times = 0
