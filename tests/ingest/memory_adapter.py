"""An adapter and its broker in memory: keeps the contract, and fails the test that misuses it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from fleet_backend.ingest.adapter import Message
from protocol import ack, courier

WINDOW = 5_000


class MemoryBroker:
    """One queue, from which any number of adapters take; what they do not do comes again."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting: deque[Message] = deque()
        self.done: list[Message] = []
        self.sent: list[tuple[str, str, bytes]] = []

    def put(self, gateway: str, payload: bytes, name: str = courier.UP_STATEMENT) -> None:
        with self.changed:
            self.waiting.append(Message(gateway, name, payload))
            self.changed.notify_all()

    def acks(self, verify: Callable[[bytes, bytes], bool]) -> list[ack.Ack]:
        return [
            ack.open_ack(payload, verify)
            for _, name, payload in self.sent
            if name == courier.DOWN_ACK
        ]


class MemoryAdapter:
    """Keeps the contract of `Adapter`. A tag of 0 is of a message that it never handed out."""

    def __init__(self, broker: MemoryBroker | None = None, window: int = WINDOW) -> None:
        self.broker = broker or MemoryBroker()
        self._window = window
        self._held: dict[int, Message] = {}
        self._earlier: set[int] = set()
        self._next_tag = 1
        self._thread: int | None = None
        self.closed = False

    @property
    def sent(self) -> list[tuple[str, str, bytes]]:
        return self.broker.sent

    def put(self, gateway: str, payload: bytes, name: str = courier.UP_STATEMENT) -> None:
        self.broker.put(gateway, payload, name)

    def receive(self, limit: int, wait_s: float, gather_s: float) -> list[Message]:
        self._check_use("received from")
        end = time.monotonic() + wait_s
        out: list[Message] = []
        broker = self.broker
        with broker.changed:
            while len(out) < limit and len(self._held) < self._window:
                left = max(end - time.monotonic(), 0)
                if not broker.changed.wait_for(lambda: broker.waiting, left):
                    break
                if not out:
                    end = time.monotonic() + gather_s
                out.append(self._hand_out(broker.waiting.popleft()))
        return out

    def done(self, messages: Sequence[Message]) -> None:
        self._check_use("done to")
        tags = [one.tag for one in messages if one.tag and one.tag not in self._earlier]
        held = [tag for tag in self._held if tag in set(tags)]
        assert tags == held, "done twice, or not in the order of arrival, or never handed out"
        self.broker.done += [self._held.pop(tag) for tag in tags]

    def send(self, gateway: str, name: str, payload: bytes) -> None:
        assert not self.closed, "sent through a closed adapter"
        self.broker.sent.append((gateway, name, payload))

    def reconnect(self) -> None:
        """What was handed out and not done comes again, before what waits."""
        with self.broker.changed:
            again = [one._replace(tag=0, tries=one.tries + 1) for one in self._held.values()]
            self.broker.waiting.extendleft(reversed(again))
            self._earlier.update(self._held)
            self._held.clear()

    def close(self) -> None:
        self.reconnect()
        self.closed = True

    def acks(self, verify: Callable[[bytes, bytes], bool]) -> list[ack.Ack]:
        return self.broker.acks(verify)

    def _hand_out(self, message: Message) -> Message:
        message = message._replace(tag=self._next_tag)
        self._held[self._next_tag] = message
        self._next_tag += 1
        return message

    def _check_use(self, what: str) -> None:
        assert not self.closed, f"{what} a closed adapter"
        thread = threading.get_ident()
        assert self._thread in (None, thread), f"{what} an adapter from two threads"
        self._thread = thread
