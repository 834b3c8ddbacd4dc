"""What the worker needs of a broker. One implementation a file; `mqtt` is the one there is.

Contract. `receive` hands out messages in the order in which they came, at most `limit`: it waits up
to `wait_s` for the first one and collects what follows within `gather_s`; an empty list is normal.
A message that was handed out may be lost with this process: gateways send again whatever was not
acknowledged by `send`. `send` may lose or double its message; it does not block on the network and
raises nothing. `receive` is called from one thread, `send` from any. `close` ends both.
"""

from typing import NamedTuple, Protocol


class Message(NamedTuple):
    gateway: str
    name: str  # the topic behind tf/1/<gateway>/, such as up/statement
    payload: bytes


class Adapter(Protocol):
    def receive(self, limit: int, wait_s: float, gather_s: float) -> list[Message]: ...

    def send(self, gateway: str, name: str, payload: bytes) -> None: ...

    def close(self) -> None: ...
