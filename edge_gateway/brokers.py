"""Which broker is tried next, and after what wait. No socket and no clock: `Uplink` has them.

All of a list lead to the same backend, as the nodes of a cluster do. They are tried in order, after
the last one the first again, and a gateway stays with the one that took it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from edge_gateway.backoff import Backoff

# A line that stood for so long was good, and its end begins a new count. Being let in proves
# nothing: a broker whose queue is full lets us in and puts us out at the first message.
PROVEN_S = 15.0
_FIRST_S = 0.5
_LONGEST_S = 30.0


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Brokers:
    """`here` is the one to try; `lost` says how long to wait before."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        """At least one."""
        self._addresses = tuple(addresses)
        self._at = 0
        self._tried = 0  # since a line was good
        self._between = Backoff(_FIRST_S, _FIRST_S)
        self._after_all = Backoff(_FIRST_S, _LONGEST_S)

    @property
    def here(self) -> Address:
        return self._addresses[self._at]

    def lost(self, stood_s: float) -> float:
        """The line ended after so many seconds, 0 where there was none: how many to wait.

        A short while before the next of the list; when all failed, longer each time.
        """
        if stood_s >= PROVEN_S:
            self._after_all.reset()
            self._tried = 0
        self._tried += 1
        self._at = (self._at + 1) % len(self._addresses)
        is_round_over = self._tried % len(self._addresses) == 0
        return (self._after_all if is_round_over else self._between).next_s()
