"""The two channels to the gateway: requests come in, records, challenges and hello go out.

Whoever is on the bus may speak here. Nothing that arrives is trusted: a presentation goes to the
gate, and "stored" only ever frees what was sent.
"""

from protocol import link
from protocol.can_table import MESSAGES
from protocol.errors import DecodeError

from vcu.isotp import Receiver, Sender

REQUEST = MESSAGES["GW_Request"][0]
_REQUEST_FLOW = MESSAGES["VCU_RequestFlow"][0]
RECORD_FLOW = MESSAGES["GW_RecordFlow"][0]
_RECORD = MESSAGES["VCU_Record"][0]
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

BURST = 4  # frames in one go; the cyclic ones have their turn in between
RETRY_MS = 2_000
_NOTHING = 0


class Link:
    """`send(identifier, data) -> bool`; `offer(presentation, now)`; hello is the message itself.

    `challenge(now)` makes the message with the challenge that is open.
    """

    def __init__(
        self,
        send: "Callable[[int, bytes], bool]",
        outbox: "Any",
        hello: bytes,
        challenge: "Callable[[int], bytes] | None",
        offer: "Callable[[bytes, int], None]",
    ) -> None:
        self._send = send
        self._outbox = outbox
        self._hello = hello
        self._challenge = challenge
        self._offer = offer
        self._receiver = Receiver()
        self._sender = Sender()
        self._flow: bytes | None = None
        self._sending = _NOTHING
        self._entry: Any = None
        self._want_hello = True
        self._want_challenge = True
        self._quiet_until_ms = 0
        self.malformed = 0

    def publish_challenge(self) -> None:
        self._want_challenge = True

    def health_sources(self) -> "list[Any]":
        """What vcu/health.py reads: key, object, attribute."""
        came, goes = self._receiver, self._sender
        sources: list[Any] = [16, self, "malformed"]
        for machine in (came, goes):
            sources += [16, machine, "malformed", 17, machine, "timeouts", 17, machine, "too_slow"]
        sources += [18, came, "overflows", 18, goes, "refused"]
        sources += [19, came, "wrong_sequence", 20, came, "interrupted"]
        return sources

    def is_busy(self) -> bool:
        return self._receiver.is_busy() or self._sender.is_busy()

    def take(self, identifier: int, data: bytes, now_ms: int) -> None:
        """A frame of one of the two channels."""
        if identifier == REQUEST:
            message = self._assemble(data, now_ms)
            self._flow = self._receiver.reply or self._flow
            if message is not None:
                self._request(message, now_ms)
        elif self._sender.flow(data, now_ms):
            self._gave_up(now_ms)

    def pump(self, now_ms: int) -> bool:
        """Send what may be sent now. True if a frame left."""
        self._receiver.tick(now_ms)
        if self._sender.tick(now_ms):
            self._gave_up(now_ms)
        worked = False
        if self._flow is not None and self._send(_REQUEST_FLOW, self._flow):
            self._flow = None
            worked = True
        for _ in range(BURST):
            if not self._sender.is_busy():
                self._start_next(now_ms)
            frame = self._sender.frame(now_ms)
            if frame is None or not self._send(_RECORD, frame):
                break
            worked = True
            if self._sender.sent(now_ms):
                self._sent(now_ms)
        return worked

    def _assemble(self, data: bytes, now_ms: int) -> tuple[int, bytes] | None:
        """The message that the frame completes, as (type, payload)."""
        try:
            message = self._receiver.take(data, now_ms)
            return None if message is None else link.unpack(message)
        except MemoryError:  # one that finds no room is lost like a frame; nothing was begun
            self.malformed += 1
            return None

    def _request(self, message: tuple[int, bytes], now_ms: int) -> None:
        try:
            known = self._obey(message[0], message[1], now_ms)
        except DecodeError:
            known = False
        if not known:
            self.malformed += 1

    def _obey(self, kind: int, payload: bytes, now_ms: int) -> bool:
        if kind == link.PRESENTATION:
            self._offer(payload, now_ms)
        elif kind == link.STORED:
            self._outbox.stored(link.decode_stored(payload), now_ms)
        elif kind == link.HELLO_REQUEST and not payload:
            self._greet(now_ms)
        else:
            return False
        return True

    def _greet(self, now_ms: int) -> None:
        # A gateway that starts again lost what was half received: begin anew, at once.
        self._sender.abort()
        self._sending = _NOTHING
        self._want_hello = True
        self._want_challenge = True
        self._quiet_until_ms = now_ms
        self._outbox.rewind(now_ms)

    def _start_next(self, now_ms: int) -> None:
        self._sending = self._choose(now_ms)
        if self._sending == link.HELLO:
            self._sender.start(self._hello, now_ms)
        elif self._sending == link.CHALLENGE and self._challenge is not None:
            self._sender.start(self._challenge(now_ms), now_ms)
            self._want_challenge = False  # a newer one sets it again
        elif self._sending == link.RECORD:
            self._entry = self._outbox.next(now_ms)
            self._sender.start(link.pack(link.RECORD, self._entry[2]), now_ms)

    def _choose(self, now_ms: int) -> int:
        if now_ms < self._quiet_until_ms:
            return _NOTHING
        if self._want_hello:
            return link.HELLO
        if self._want_challenge and self._challenge is not None:
            return link.CHALLENGE
        return link.RECORD if self._outbox.next(now_ms) is not None else _NOTHING

    def _sent(self, now_ms: int) -> None:
        if self._sending == link.HELLO:
            self._want_hello = False
        elif self._sending == link.RECORD:
            self._outbox.sent(self._entry, now_ms)
        self._sending = _NOTHING

    def _gave_up(self, now_ms: int) -> None:
        # Nobody listens. Try again later, from the first record that is not stored.
        if self._sending == link.CHALLENGE:
            self._want_challenge = True
        self._sending = _NOTHING
        self._outbox.rewind(now_ms)
        self._quiet_until_ms = now_ms + RETRY_MS
