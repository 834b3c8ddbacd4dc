"""What the worker needs of a broker. One implementation a file: `mqtt`, `amqp`.

Contract. `receive` hands out messages in the order in which the broker gave them, at most `limit`:
it waits up to `wait_s` for the first one and collects what follows within `gather_s`; an empty list
is normal. The broker hands out a bounded number that is not `done`, then waits: so a worker that
takes less holds back everybody up to the gateway.

`done` tells the broker to forget messages that `receive` handed out: what they say is committed, or
durably set aside. It is told in the order of their arrival, for all of a batch at once or for parts
of it. What was not `done` comes again, when the broker has lost patience or the connection, and so
may what was: a `done` may be lost, and one for a message of an earlier connection does nothing.

`send` may lose or double its message; it does not block on the network and raises nothing: gateways
ask again. `receive` and `done` are called from one thread, `send` from any. `close` ends them all.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Message(NamedTuple):
    gateway: str
    name: str  # the topic behind tf/1/<gateway>/, such as up/statement
    payload: bytes
    tag: int = 0  # the adapter's own name of this delivery
    tries: int = 0  # how often the broker delivered it before, where it knows


class Adapter(Protocol):
    def receive(self, limit: int, wait_s: float, gather_s: float) -> list[Message]: ...

    def done(self, messages: Sequence[Message]) -> None: ...

    def send(self, gateway: str, name: str, payload: bytes) -> None: ...

    def close(self) -> None: ...
