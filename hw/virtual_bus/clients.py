"""One TCP client of the bus: its socket, its slcan channel and the output that it has not read."""

import socket
from collections import Counter
from collections.abc import Callable

from hw.virtual_bus.frame import Frame
from hw.virtual_bus.slcan import Channel
from hw.virtual_bus.wire import Node

READ_BYTES = 16384


class Client:
    """Non-blocking; the bus' loop calls `read` and `write` when the socket is ready."""

    def __init__(
        self,
        connection: socket.socket,
        transmit: Callable[[Node, Frame], None],
        counters: Counter[str],
    ) -> None:
        self.connection = connection
        self.node = Node(bitrate=0)
        self.channel = Channel(self.node, transmit, counters)
        self.output = bytearray()
        self.blocked = False

    def hears(self, bitrate: int) -> bool:
        """Whether it can receive at all: at the bus' bit rate and not bus-off."""
        return self.node.bitrate == bitrate and not self.node.bus_off

    def read(self) -> bool:
        """Takes what came. False when the client is gone."""
        try:
            data = self.connection.recv(READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.output += self.channel.feed(data)
        return bool(data)

    def write(self) -> bool:
        """Sends what the socket takes. False when the client is gone."""
        try:
            sent = self.connection.send(self.output)
        except BlockingIOError:
            sent = 0
        except OSError:
            return False
        del self.output[:sent]
        self.blocked = bool(self.output)
        return True
