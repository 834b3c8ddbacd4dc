"""Blocks of bytes for a function on the board, at nearly the rate of the line.

The raw REPL would want text and an answer for each piece. Here a loop on the board reads frames of
bytes: a head in base64, then a body, compressed where the board can inflate. While the board writes
one block the next is on its way; each is acknowledged. The four bytes that a REPL would act on are
escaped, so that what reaches one by accident does nothing. A frame that was damaged or lost ends
the loop, and another one goes on from the last block that was acknowledged.
"""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from binascii import crc32
from collections.abc import Callable, Iterator, Sequence

from workbench.checked import Checked
from workbench.errors import DeviceError, NoReplyError, ReplyError

BLOCK_BYTES = 4096
# What may be on its way unacknowledged: USB holds the rest back, and so does a terminal.
FRAMES_AHEAD = 3
RESTARTS = 8
# A sector of 128 KiB takes so long to erase.
ACKNOWLEDGED_WITHIN_S = 5.0
_STARTED_WITHIN_S = 3.0
_WINDOW_BITS = 12  # of deflate: 4 KiB of the board's memory
# Where nothing is compressed every byte may be one that is escaped.
_MOST_BODY_BYTES, _MOST_PLAIN_BYTES = BLOCK_BYTES + 512, 2 * BLOCK_BYTES

_HEAD = struct.Struct("<IHHI")
_ESCAPE = 0x10
_ESCAPED = (_ESCAPE, 0x03, 0x04, 0x0D)  # itself, Ctrl-C, Ctrl-D, the end of a line
_FLIP = 0x40

# _stream(sink) calls sink(at, data) for each block, and says + and where; . at the end, ? for a
# damaged frame.
HELPERS = f"""
import binascii, io, struct, sys
try:
    from deflate import DeflateIO, RAW
except ImportError:
    DeflateIO = None
def _plain(data):
    for byte in (0x03, 0x04, 0x0d, 0x10):
        data = data.replace(bytes((0x10, byte ^ 0x40)), bytes((byte,)))
    return data
def _stream(sink):
    read, say = sys.stdin.buffer.readinto, sys.stdout.write
    head = bytearray(16)
    body = memoryview(bytearray({_MOST_BODY_BYTES} if DeflateIO else {_MOST_PLAIN_BYTES}))
    say('go\\n')
    while True:
        read(head)
        try:
            frame = binascii.a2b_base64(head)
            at, size, full, total = struct.unpack('<IHHI', frame)
        except ValueError:
            return say('?\\n')
        if size > len(body):
            return say('?\\n')
        if size:
            read(body[:size])
        if binascii.crc32(body[:size], binascii.crc32(frame[:8])) != total:
            return say('?\\n')
        if not size:
            return say('.\\n')
        data = _plain(bytes(body[:size]))
        if full:
            data = DeflateIO(io.BytesIO(data), RAW, {_WINDOW_BITS}).read(full)
        sink(at, data)
        say('+%x\\n' % at)
print(int(DeflateIO is not None))
"""

Piece = tuple[int, bytes]


class Stream:
    """`checked` has HELPERS among its helpers, and a function `sink(at, data)`."""

    def __init__(self, checked: Checked, sink: str, *, inflates: bool) -> None:
        self._checked = checked
        self._repl = checked.repl
        self._sink = sink
        self._inflates = inflates
        self.line_bytes = 0  # written to the line so far

    def send(
        self,
        pieces: Sequence[Piece],
        taken: Callable[[int], None],
        resume: Callable[[int], int] = lambda done: done,
    ) -> int:
        """Each piece has at most BLOCK_BYTES. `taken` is told how many the board has; `resume` says
        where to go on once so many are sure.

        Returns how many it took: fewer than all where the line is too bad for this. Raises
        DeviceError where the sink raised.
        """
        done, ahead = 0, FRAMES_AHEAD
        for attempt in range(RESTARTS):
            if attempt:
                self._repl.enter()
                self._checked.exec("pass")  # whatever became of the board meanwhile
                ahead = 1  # it may be one that holds nothing back
            try:
                for sure in self._run(pieces, resume(done), ahead):
                    done = max(done, sure)
                    taken(done)
                return done
            except (NoReplyError, ReplyError):
                continue
        self._repl.enter()
        return done

    def _run(self, pieces: Sequence[Piece], begin: int, ahead: int) -> Iterator[int]:
        """Yields how many pieces are acknowledged."""
        self._checked.send(f"_stream({self._sink})")
        try:
            self._expect(b"go", _STARTED_WITHIN_S)
        except DeviceError as error:  # the sink was not called yet
            raise ReplyError(f"{self._repl.port}: damaged on its way: {error}") from error
        sent = begin
        for done in range(begin, len(pieces)):
            while sent < min(len(pieces), done + ahead):
                self._write(frame_of(*pieces[sent], deflate=self._inflates))
                sent += 1
            self._expect(b"+%x" % pieces[done][0], ACKNOWLEDGED_WITHIN_S)
            yield done + 1
        self._write(END)
        self._expect(b".", _STARTED_WITHIN_S)
        self._repl.finish()

    def _write(self, frame: bytes) -> None:
        self._repl.write(frame)
        self.line_bytes += len(frame)

    def _expect(self, wanted: bytes, timeout_s: float) -> None:
        line = self._repl.read_until(b"\n", timeout_s).rstrip(b"\r")
        if line == wanted:
            return
        if b"Traceback" in line:
            text = self._repl.read_until(b"\x04>", timeout_s)
            if b"KeyboardInterrupt" not in text:  # a byte of the line may be one
                raise DeviceError(text.decode(errors="replace"))
        raise ReplyError(f"{self._repl.port}: {line[:80]!r} instead of {wanted!r}")


def frame_of(at: int, data: bytes, *, deflate: bool) -> bytes:
    """`at` is a number below 2^32 that goes to the sink with the data."""
    body, full = _escaped(data), 0
    if deflate and len(packed := _escaped(_deflated(data))) < len(body):
        body, full = packed, len(data)
    head = _HEAD.pack(at, len(body), full, 0)[:8]
    return b64encode(head + struct.pack("<I", crc32(body, crc32(head)))) + body


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -_WINDOW_BITS)
    return packer.compress(data) + packer.flush()


def _escaped(data: bytes) -> bytes:
    for byte in _ESCAPED:
        data = data.replace(bytes((byte,)), bytes((_ESCAPE, byte ^ _FLIP)))
    return data


END = frame_of(0, b"", deflate=False)
