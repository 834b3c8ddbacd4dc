"""Every CAN controller that can run here, each with the other end of its wire.

A stand has `can`, with the methods of machine.CAN, and: `deliver` puts a frame on the bus, `leave`
gives the frames that the controller sent, `collect` drains it in its interrupt into `collected`,
`bus_off` and `errors` spoil the wire. Frames are (identifier, data, flags).
"""

from ast import literal_eval
from collections import Counter

from board_fakes import FakeCan
from mcp2518fd_model import Chip
from mcp2518fd_pins import Spi
from vcu.can.mcp2518fd import MCP2518FD
from vcu.can.slcan import Slcan

from boards.virtual import VirtualBoard, VirtualBoardSettings
from hw.errors import BusError
from hw.virtual_bus import VirtualBus
from hw.virtual_bus.client import SlcanClient
from hw.virtual_bus.frame import Frame
from hw.virtual_bus.slcan import Channel, format_frame
from hw.virtual_bus.wire import Node
from workbench.errors import DeviceError
from workbench.raw_repl import RawRepl

RTR, EXT = 1, 2
MARK = Frame(0x1FFFFFFF, b"", True, 0)


class Local:
    """A stand in this process."""

    priorities = True  # its buffers leave by identifier

    def collect(self):
        self.collected = []

        def drain(can):
            while (frame := can.recv()) is not None:
                self.collected.append((frame[0], bytes(frame[1]), frame[2]))

        self.can.irq(drain, self.can.IRQ_RX, True)

    def look(self):
        """What a loop does once a turn: handlers may run now."""
        self.can.state()

    def send_all(self, frames):
        return [self.can.send(*frame) for frame in frames]

    def receive(self):
        out = []
        while (frame := self.can.recv()) is not None:
            out.append((frame[0], bytes(frame[1]), frame[2]))
        return out

    def close(self):
        pass


class Fake(Local):
    depth = 24

    def __init__(self):
        self.can = FakeCan(self.depth)
        self.deliver = self.can.deliver
        self.leave = self.can.leave
        self.errors = self.can.errors
        self.bus_off = self.can.bus_off

    def bitrate(self):
        return self.can.bitrate


class Mcp(Local):
    depth = 32

    def __init__(self, clock_hz=40_000_000):
        self.chip = Chip(clock_hz)
        self.spi = Spi(self.chip)
        self.can = MCP2518FD(self.spi, self.spi.cs, self.chip.interrupt, clock_hz)
        self.deliver = self.chip.deliver
        self.leave = self.chip.leave
        self.errors = self.chip.errors
        self.bitrate = self.chip.bitrate

    def bus_off(self):
        self.can.state()  # on the bus by now
        self.chip.errors(256, 0)


class Uart:
    """A UART with an adapter at its end: slcan as the virtual bus speaks it."""

    def __init__(self):
        self.node = Node(500_000)
        self.sent = []
        self.dead = False
        self.full = False
        self._channel = Channel(self.node, self._transmit, Counter())
        self._from_board = b""
        self._to_board = b""

    def any(self):
        return len(self._to_board)

    def readinto(self, buffer):
        size = min(len(buffer), len(self._to_board))
        buffer[:size] = self._to_board[:size]
        self._to_board = self._to_board[size:]
        return size

    def write(self, line):
        if self.full:
            return None
        self._from_board += bytes(line)
        return len(line)

    def adapter(self):
        """The adapter reads and answers."""
        given, self._from_board = self._from_board, b""
        if not self.dead:
            self._to_board += self._channel.feed(given)

    def text(self, data):
        self._to_board += data

    def bring(self, frame):
        self._to_board += self._channel.line(frame, 0, format_frame(frame))

    def _transmit(self, node, frame):
        if node.bus_off:
            raise BusError("bus-off")
        flags = EXT * frame.extended | RTR * (frame.remote_length is not None)
        self.sent.append((frame.identifier, frame.data or bytes(frame.remote_length or 0), flags))


class SlcanStand(Local):
    depth = 64
    priorities = False  # the adapter sends in the order of the lines

    def __init__(self):
        self.uart = Uart()
        self.now_ms = 0
        self.can = Slcan(self.uart, lambda: self.now_ms)

    def deliver(self, identifier, data, flags=0):
        self.uart.adapter()
        remote = len(data) if flags & RTR else None
        self.uart.bring(Frame(identifier, b"" if flags & RTR else data, bool(flags & EXT), remote))

    def leave(self):
        self.uart.adapter()
        self.look()
        out, self.uart.sent = self.uart.sent, []
        return out

    def look(self):
        for _ in range(2):  # a question, and its answer
            self.now_ms += 100
            self.can.state()
            self.uart.adapter()

    def errors(self, tec, rec):
        self.uart.node.error_count = max(tec, rec)
        self.look()

    def bus_off(self):
        self.errors(256, 0)

    def bitrate(self):
        self.uart.adapter()
        return self.uart.node.bitrate


class RemoteCan:
    """machine.CAN of a board, through its REPL."""

    def __init__(self, repl):
        self._repl = repl

    def __getattr__(self, name):
        if name.isupper():
            return literal_eval(self._repl.exec(f"print(CAN.{name})").decode())

        def call(*arguments, **named):
            given = [repr(value) for value in arguments]
            given += [f"{key}={value!r}" for key, value in named.items()]
            return self.run(f"print(c.{name}({', '.join(given)}))")

        return call

    def run(self, code):
        try:
            text = self._repl.exec(code).decode().strip()
        except DeviceError as error:
            for kind in (ValueError, OverflowError, IndexError, OSError):
                if str(error).startswith(kind.__name__):
                    raise kind(str(error)) from error
            raise
        # Several things printed are a tuple.
        if not text:
            return None
        return literal_eval(text) if text[0] in "[(" or " " not in text else literal(text)


def literal(text):
    return tuple(literal_eval(word) for word in text.split(" "))


class Virtual:
    """The virtual board's machine.CAN on the virtual bus, with two clients beside it."""

    depth = 128
    priorities = False  # each frame leaves with send()

    def __init__(self, folder):
        self.bus = VirtualBus("127.0.0.1", port=0)
        self.bus.start()
        settings = VirtualBoardSettings(image=folder / "can.img", can_port=self.bus.port)
        self.board = VirtualBoard(settings)
        self.board.start()
        self.repl = RawRepl(self.board.tty)
        self.repl.enter()
        self.repl.exec("from machine import CAN\nimport time\nc = CAN(1, 500_000)\nc.deinit()")
        self.can = RemoteCan(self.repl)
        self.sender = SlcanClient(self.bus.port)
        self.witness = SlcanClient(self.bus.port)
        self._stopped = False

    def deliver(self, identifier, data, flags=0):
        remote = len(data) if flags & RTR else None
        frame = Frame(identifier, b"" if flags & RTR else data, bool(flags & EXT), remote)
        self.sender.send_frame(frame)

    def _settle(self):
        # A second one: of the first, other clients may get theirs after the witness.
        return self._mark() + self._mark()

    def _mark(self):
        # The last in arbitration: what was on its way before is over once the witness has it.
        self.sender.send_frame(MARK)
        out = []
        while (frame := self.witness.recv()) != MARK:
            flags = EXT * frame.extended | RTR * (frame.remote_length is not None)
            out.append((frame.identifier, frame.data or bytes(frame.remote_length or 0), flags))
        return out

    def leave(self):
        return self._settle()

    def send_all(self, frames):
        """At once: the bus has no time to answer in between."""
        calls = ", ".join(f"c.send(*{frame!r})" for frame in frames)
        return self.can.run(
            "read = c._wire.read\nc._wire.read = lambda: None\n"
            f"print([{calls}])\nc._wire.read = read"
        )

    def receive(self):
        self._settle()
        got = self.can.run(
            "out = []\nwhile (m := c.recv()):\n    out.append((m[0], bytes(m[1]), m[2]))\n"
            "print(out)"
        )
        return [frame for frame in got if frame[0] != MARK.identifier]

    def collect(self):
        self.repl.exec(
            "seen = []\ndef drain(can):\n    while (m := can.recv()):\n"
            "        seen.append((m[0], bytes(m[1]), m[2]))\nc.irq(drain, CAN.IRQ_RX, True)\n"
        )

    @property
    def collected(self):
        return [frame for frame in self.can.run("print(seen)") if frame[0] != MARK.identifier]

    def look(self):
        self._settle()
        self.can.state()

    def bus_off(self):
        self.bus.stop()
        self._stopped = True
        while self.can.state() != FakeCan.STATE_BUS_OFF:
            pass

    def bitrate(self):
        return self.can.get_timings()[0]

    def close(self):
        self.sender.close()
        self.witness.close()
        self.repl.close()
        self.board.stop()
        if not self._stopped:
            self.bus.stop()
