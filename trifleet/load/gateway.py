"""A gateway that is only its chain: statements with a real key, kept until the backend has them.

It follows the rules of `edge_gateway`: nothing is forgotten but on a signed acknowledgement, eight
statements are under way at most, what is not acknowledged is sent again.
"""

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from edge_gateway.downlink import open_ack
from edge_gateway.flight import Flight
from protocol import cbor, statement

Verify = Callable[[bytes, bytes], bool]


@dataclass(frozen=True)
class Limits:
    """As `edge_gateway.settings.Limits`."""

    in_flight: int = 8
    first_resend_s: float = 5
    longest_resend_s: float = 60


@dataclass(frozen=True)
class Waiting:
    """A statement that the backend has not acknowledged; `made_s` in the time of the run."""

    message: bytes
    made_s: float


@dataclass(frozen=True)
class Made:
    """A new statement: its place in the chain and the hash of its bytes."""

    seq: int
    hash: bytes


class Gateway:
    """Times are of one clock that only goes forward."""

    def __init__(
        self,
        name: str,
        sign: Callable[[bytes], bytes],
        verify_ack: Verify,
        limits: Limits = Limits(),
    ) -> None:
        self.name = name
        self.seq = 0
        self.waiting: dict[int, Waiting] = {}
        self.refused = 0
        self.repeated = 0  # statements that were sent again
        self._sign = sign
        self._verify_ack = verify_ack
        self._flight = Flight(limits.in_flight, limits.first_resend_s, limits.longest_resend_s)
        self._prev_hash = statement.FIRST_PREV_HASH

    def state(self, records: list[bytes], wall_s: float, now_s: float) -> Made:
        """Sign a statement over these records, which then waits to be sent."""
        body, salt = cbor.encode(records), os.urandom(statement.SALT_BYTES)
        made = statement.Statement(
            self.name,
            self.seq,
            self._prev_hash,
            int(wall_s),
            statement.RECORDS,
            statement.commit(salt, body),
        )
        sign1 = statement.encode(made, self._sign)
        message = statement.encode_message(sign1, salt, zlib.compress(body))
        self.waiting[self.seq] = Waiting(message, now_s)
        self.seq += 1
        self._prev_hash = statement.statement_hash(sign1)
        return Made(made.seq, self._prev_hash)

    def due(self, now_s: float) -> list[int]:
        """What is to be sent now: again first, then what is new, as far as there is room."""
        again = [seq for seq in self._flight.due(now_s) if seq in self.waiting]
        # In the order of their making: before the new ones stand those that are under way.
        new = (seq for seq in self.waiting if seq > self._flight.last)
        return [*again, *islice(new, max(self._flight.room, 0))]

    def sent(self, seq: int, now_s: float) -> None:
        """It was handed to the line, for the first time or again."""
        self.repeated += seq <= self._flight.last
        self._flight.sent(seq, now_s)

    def next_due_s(self) -> float | None:
        """When something is to be sent again."""
        return self._flight.next_due_s()

    def connected(self) -> None:
        """A new line: what is not acknowledged goes out again."""
        self._flight.reset()

    def acknowledged(self, unverified: bytes, now_s: float) -> list[tuple[int, float]]:
        """(number, seconds since it was made) of what the backend holds now.

        Raises DecodeError or VerifyError.
        """
        found = open_ack(unverified, self.name, self._verify_ack)
        done = []
        for first, last in found.accepted:
            for seq in range(first, min(last, self.seq) + 1):
                waited = self.waiting.pop(seq, None)
                if waited is not None:
                    done.append((seq, now_s - waited.made_s))
        for first, last in found.refused:
            for seq in range(first, min(last, self.seq) + 1):
                self.refused += self.waiting.pop(seq, None) is not None
        self._flight.acknowledged([*found.accepted, *found.refused])
        return done
