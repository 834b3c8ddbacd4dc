# The wire of machine.CAN: slcan (Lawicel ASCII) over a TCP socket that never blocks.
# OSError means that the bus is gone. A line that is no slcan is counted and skipped.
import errno
import select
import socket
from binascii import hexlify, unhexlify
from micropython import const

_BUFFER_BYTES = const(1024)
_LONGEST_LINE = const(64)
# Chunks in one go: more than the bus can send between two looks, but no endless loop.
_MOST_CHUNKS = const(16)
_SPEEDS = (10_000, 20_000, 50_000, 100_000, 125_000, 250_000, 500_000, 800_000, 1_000_000)
_FLAGS = {116: 0, 84: 2, 114: 1, 82: 3}  # t T r R -> CAN.FLAG_EXT_ID, CAN.FLAG_RTR
_BELL = const(7)
# Of the answer to `F`.
WARNING = const(0x04)
PASSIVE = const(0x20)
BUS_ERROR = const(0x80)


def speed_number(bitrate):
    # Index of the rate in slcan's `S` command, or None.
    return _SPEEDS.index(bitrate) if bitrate in _SPEEDS else None


class Wire:
    def __init__(self, address, speed, silent, on_frame, on_sent, on_status):
        # on_frame(id, flags, data); on_sent(ok) once per frame, in the order of the sends;
        # on_status(flags) after a refusal: slcan's status flags.
        self._on_status = on_status
        self._on_frame = on_frame
        self._on_sent = on_sent
        self.bad_lines = 0
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._have = 0
        self._poll = select.poll()
        self._socket = socket.socket()
        try:
            host, _, port = address.partition(":")
            self._socket.connect(socket.getaddrinfo(host, int(port))[0][-1])
            self._socket.setblocking(False)
            self._write(b"S%d\r%s\r" % (speed, b"L" if silent else b"O"))
        except OSError:
            self._socket.close()
            raise
        self._poll.register(self._socket, select.POLLIN)

    def close(self):
        self._poll.unregister(self._socket)
        self._socket.close()

    def wait(self, timeout_ms):
        self._poll.poll(timeout_ms)

    def listen(self, poll):
        # For a sleep that the bus ends.
        poll.register(self._socket, select.POLLIN)

    def send(self, id, data, flags):
        # False where the socket takes nothing now.
        letter = "tTrR"[(1 if flags & 2 else 0) + (2 if flags & 1 else 0)]
        head = ("%s%08X%d" if flags & 2 else "%s%03X%d") % (letter, id, len(data))
        body = b"" if flags & 1 else hexlify(data)
        return self._write(head.encode() + body + b"\r")

    def read(self):
        for _ in range(_MOST_CHUNKS):
            size = self._socket.readinto(self._view[self._have :])
            if size is None:
                return
            if not size:
                raise OSError(errno.ECONNRESET)
            self._have += size
            self._split()

    def _write(self, line):
        sent = self._socket.write(line)
        if sent is not None and sent != len(line):
            raise OSError(errno.EIO)  # half a line would garble the next one
        return sent is not None

    def _split(self):
        start = 0
        while True:
            while start < self._have and self._buffer[start] == _BELL:  # it has no end of its own
                self._on_sent(False)
                self._write(b"F\r")  # why?
                start += 1
            end = self._buffer.find(b"\r", start, self._have)
            if end < 0:
                break
            self._line(start, end)
            start = end + 1
        rest = self._have - start
        if rest > _LONGEST_LINE:
            self.bad_lines += 1
            rest = 0
        self._view[:rest] = self._view[self._have - rest : self._have]
        self._have = rest

    def _line(self, start, end):
        if start == end:
            return
        kind = self._buffer[start]
        if kind in _FLAGS:
            self._frame(_FLAGS[kind], start + 1, end)
        elif kind in b"zZ":
            self._on_sent(True)
        elif kind == ord("F"):
            self._status(start + 1, end)

    def _status(self, start, end):
        try:
            flags = int(bytes(self._view[start:end]), 16)
        except ValueError:
            self.bad_lines += 1
            return
        if flags & BUS_ERROR:
            raise OSError(errno.EIO)
        self._on_status(flags)

    def _frame(self, flags, start, end):
        digits = 8 if flags & 2 else 3
        try:
            id = int(bytes(self._view[start : start + digits]), 16)
            size = int(bytes(self._view[start + digits : start + digits + 1]))
            body = bytes(self._view[start + digits + 1 : end])
            data = bytes(size) if flags & 1 else unhexlify(body)
        except ValueError:
            self.bad_lines += 1
            return
        if size > 8 or len(data) != size:
            self.bad_lines += 1
            return
        self._on_frame(id, flags, data)
