"""The three identifiers of the diagnosis: requests in, one at a time, and answers out.

Whoever is on the bus may speak here, several testers at once: what they make of each other's frames
is counted and dropped. A request waits until the answer before it has left.
"""

from protocol.can_table import MESSAGES

from vcu.diagnosis import BROADCAST
from vcu.isotp import Receiver, Sender
from vcu.uds.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

ANSWER = MESSAGES["VCU_UdsAnswer"][0]
# The ring has 63 places: for this block, the 16 frames of a gateway, and what comes by itself.
BLOCK_SIZE = 24
BURST = 4  # frames in one go; the cyclic ones have their turn in between
_SINGLE_MOST = 7
_FLOW = 3


class Channel:
    """`send(identifier, data) -> bool`."""

    def __init__(self, send: "Callable[[int, bytes], bool]", server: Server) -> None:
        self._send = send
        self._server = server
        self._receiver = Receiver(BLOCK_SIZE)
        self._sender = Sender()
        self._flow: "bytes | None" = None
        self._request: "bytes | None" = None
        self._broadcast = False
        self._at_ms = 0
        self.dropped = 0

    def health_sources(self) -> "tuple[Any, ...]":
        """What vcu/health.py reads: key, object, attribute."""
        came, goes = self._receiver, self._sender
        sources: list[Any] = [16, self, "dropped", 18, came, "overflows", 18, goes, "refused"]
        for machine in (came, goes):
            sources += [16, machine, "malformed", 17, machine, "timeouts", 17, machine, "too_slow"]
        return tuple(sources + [19, came, "wrong_sequence", 20, came, "interrupted"])

    def has_work(self) -> bool:
        return self._request is not None and not self._sender.is_busy()

    def take(self, identifier: int, data: bytes, now_ms: int) -> None:
        """A frame of a tester."""
        if identifier == BROADCAST:
            size = data[0] if len(data) == 8 else 0
            if 1 <= size <= _SINGLE_MOST:  # all of it in one frame, or nothing
                self._asked(data[1 : 1 + size], True, now_ms)
            else:
                self.dropped += 1
        elif len(data) == 8 and data[0] >> 4 == _FLOW:
            self._sender.flow(data, now_ms)
        else:
            message = self._receiver.take(data, now_ms)
            self._flow = self._receiver.reply or self._flow
            if message is not None:
                self._asked(message, False, now_ms)

    def work(self, now_ms: int) -> None:
        """Serve the request that waits."""
        request, self._request = self._request, None
        if request is not None:
            self._say(self._server.take(request, self._broadcast, self._at_ms, now_ms), now_ms)

    def pump(self, now_ms: int) -> bool:
        """Send what may be sent now. True if a frame left."""
        self._receiver.tick(now_ms)
        self._sender.tick(now_ms)
        self._say(self._server.tick(now_ms), now_ms)
        if not self._sender.is_busy():
            self._say(self._server.poll(now_ms), now_ms)
        worked = False
        if self._flow is not None and self._send(ANSWER, self._flow):
            self._flow = None
            worked = True
        for _ in range(BURST):
            frame = self._sender.frame(now_ms)
            if frame is None or not self._send(ANSWER, frame):
                break
            worked = True
            self._sender.sent(now_ms)
        return worked

    def _asked(self, request: bytes, broadcast: bool, now_ms: int) -> None:
        if self._request is not None or (self._server.is_busy() and self._sender.is_busy()):
            self.dropped += 1
        elif self._server.is_busy():  # whoever asks now is told at once, not when it is over
            self._say(self._server.take(request, broadcast, now_ms, now_ms), now_ms)
        else:
            self._wait(request, broadcast, now_ms)

    def _wait(self, request: bytes, broadcast: bool, now_ms: int) -> None:
        self._request, self._broadcast, self._at_ms = request, broadcast, now_ms

    def _say(self, answer: bytes, now_ms: int) -> None:
        if answer:
            self._sender.start(answer, now_ms)
