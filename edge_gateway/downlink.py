"""What comes down from the backend, judged before anything happens. Pure: bytes and time in."""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from edge_gateway.clock import steady_s
from protocol import ack, cbor, courier, presentation
from protocol.errors import DecodeError, VerifyError

# No vehicle keeps a challenge as long, so no true command may live longer: with such a one our
# clock is wrong, and it would be delivered at any time.
LONGEST_LIFE_S = 600


@dataclass(frozen=True)
class Delivery:
    """A presentation on its way to the vehicle. Who signed it is for the vehicle to judge."""

    command_id: bytes
    expires: int
    presentation: bytes
    vehicle: str = ""
    # The same end on a clock that nobody sets: a clock set back gives no command a longer life.
    ends_s: float = math.inf

    def has_expired(self, now_s: float, steady_now_s: float | None = None) -> bool:
        """Nobody shall deliver it any more; with a clock that is not set, nobody can know."""
        steady_now_s = steady_s() if steady_now_s is None else steady_now_s
        return now_s <= 0 or now_s > self.expires or steady_now_s > self.ends_s


@dataclass(frozen=True)
class Report:
    """What became of a command, for up/command."""

    command_id: bytes
    status: int


class Commands:
    """Decides on each command once. Remembers the last ones, so that a copy is not delivered.

    `known` is what an earlier run decided, `remember` makes a decision durable. One that was under
    way when that run ended may have reached the vehicle: it is not delivered again.
    """

    def __init__(
        self,
        vehicles: Container[str],
        remembered: int,
        known: Iterable[tuple[bytes, int]] = (),
        remember: Callable[[bytes, int], None] = lambda digest, status: None,
    ) -> None:
        self._vehicles = vehicles
        self._limit = remembered
        self._save = remember
        # Digest of a command's id -> status; None while it is under way. The id itself leads to a
        # rider, and must not outlive the command here.
        self._known: OrderedDict[bytes, int | None] = OrderedDict(known)

    def receive(self, unverified: bytes, now_s: float) -> Delivery | Report | None:
        """A Delivery to carry out, a Report to send at once, or None. Raises DecodeError where
        not even the command's name can be read."""
        try:
            delivery = self._decode(unverified, now_s)
        except DecodeError:
            return self._malformed(_readable_id(unverified))
        command_id = delivery.command_id
        if digest(command_id) in self._known:
            status = self._known[digest(command_id)]
            return None if status is None else Report(command_id, status)
        if delivery.has_expired(now_s) or delivery.expires - now_s > LONGEST_LIFE_S:
            return Report(command_id, courier.EXPIRED)
        self._remember(command_id, None)
        self._save(digest(command_id), courier.SILENT)
        return delivery

    def finished(self, report: Report) -> None:
        """A delivery has ended."""
        self._remember(report.command_id, report.status)
        self._save(digest(report.command_id), report.status)

    def _decode(self, unverified: bytes, now_s: float) -> Delivery:
        command_id, vehicle, expires, asked = courier.decode_command(unverified)
        if vehicle not in self._vehicles:
            raise DecodeError("vehicle", "command.vehicle")
        if presentation.decode(asked).command_id != command_id:
            raise DecodeError("field", "command.command_id")
        # Whole seconds: the wall clock's second ends when the next one begins.
        ends_s = steady_s() + max(0.0, expires + 1 - now_s)
        return Delivery(command_id, expires, asked, vehicle, ends_s)

    def _malformed(self, command_id: bytes) -> Report | None:
        # Not remembered: a bad copy must not stand in the way of the true command.
        return None if digest(command_id) in self._known else Report(command_id, courier.MALFORMED)

    def _remember(self, command_id: bytes, status: int | None) -> None:
        self._known[digest(command_id)] = status
        self._known.move_to_end(digest(command_id))
        while len(self._known) > self._limit:
            self._known.popitem(last=False)


def digest(command_id: bytes) -> bytes:
    """By which a command is known again, 16 bytes; it leads nobody to the command."""
    return hashlib.sha256(b"trifleet/command-digest/v1" + command_id).digest()[:16]


def open_ack(unverified: bytes, gateway: str, verify: Callable[[bytes, bytes], bool]) -> ack.Ack:
    """An acknowledgement that is the backend's and ours. Raises DecodeError or VerifyError."""
    found = ack.open_ack(unverified, verify)
    if found.gateway != gateway:
        raise VerifyError("ack-gateway")
    return found


def _readable_id(unverified: bytes) -> bytes:
    value = cbor.decode(unverified)
    if isinstance(value, list) and len(value) == 5:
        name = value[1]
        if isinstance(name, bytes) and len(name) == 16:
            return name
    raise DecodeError("field", "command.command_id")
