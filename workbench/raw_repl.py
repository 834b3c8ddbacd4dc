"""MicroPython's raw REPL over a serial port, with raw paste and its flow control.

Protocol: docs.micropython.org, "The raw REPL" in the reference on the REPL.
"""

from __future__ import annotations

import math
import secrets
import struct
import time
from contextlib import suppress

import serial

from workbench.answer import Answer, AnswerDecoder
from workbench.errors import (
    DeviceError,
    NoReplyError,
    NoSuchFileError,
    PortError,
    PortLostError,
    ReplyError,
)

INTERRUPT, RAW, FRIENDLY, END = b"\x03", b"\x01", b"\x02", b"\x04"
PROMPT = b">>> "
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
ENTER_PASTE = b"\x05A\x01"
PASTE_WINDOW = 0x01
PASTE_ABORT = 0x04
NEVER = b"\x04\x00\x04\x00"  # nobody says this
BAUD = 115_200
REPLY_TIMEOUT_S = 10.0
PASTE_TIMEOUT_S = 3.0  # a board that reads a paste does nothing else
OPEN_TIMEOUT_S = 1.0
OPEN_PAUSE_S = 0.02
# A board that is just starting hears nothing: ask again after this long.
ATTEMPT_S = 0.3
# Old firmware without raw paste has no flow control: this much, then a pause.
PLAIN_CHUNK_BYTES = 256
# What is kept of what came instead of the raw REPL, for a name of what is there.
HEARD_BYTES = 1024
PLAIN_PAUSE_S = 0.01


class RawRepl:
    """`with RawRepl("/dev/ttyACM0") as repl: repl.enter(); repl.exec("print(1)")`."""

    def __init__(self, port: str, *, timeout_s: float | None = None) -> None:
        self.port = port
        self._timeout_s = REPLY_TIMEOUT_S if timeout_s is None else timeout_s
        self._ahead = b""
        self.heard = b""  # the newest of what came while the raw REPL was asked for
        self._serial = _open(port)

    def __enter__(self) -> RawRepl:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._serial.close()

    def enter(self, *, timeout_s: float | None = None) -> None:
        """Interrupts what runs and enters the raw REPL; asks again while a board is starting."""
        deadline = self._deadline(timeout_s)
        patience_s = ATTEMPT_S
        self.heard = b""
        while True:
            self._ahead = b""
            self._write(b"\r" + INTERRUPT + INTERRUPT)
            self._drain()
            self._write(b"\r" + RAW)
            try:
                attempt = min(deadline, time.monotonic() + patience_s)
                self._read_until(RAW_BANNER + b">", attempt)
                self._settle(attempt)
            except NoReplyError:
                if time.monotonic() >= deadline:
                    raise
                patience_s *= 1.5  # a slow board must be heard out
                continue
            return

    def await_start(self, timeout_s: float) -> None:
        """Waits for the friendly prompt of a board that was just reset, so that its boot.py is not
        interrupted; opens a port that went away with it, as one on USB does. Comes back without a
        prompt where there is none in this time."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._read_until(PROMPT, deadline)
            except NoReplyError:
                return
            except PortLostError:
                self._reopen(deadline)
                continue
            return

    def has_answered(self, within_s: float) -> bool:
        """Whether what was sent with `send` ended, and no reset came instead."""
        try:
            return self._read_until(END, time.monotonic() + within_s) == b""
        except (NoReplyError, PortLostError):
            return False

    def _reopen(self, deadline: float) -> None:
        self._serial.close()
        self._ahead = b""
        while True:
            try:
                self._serial = _open(self.port)
                return
            except PortError as error:
                if time.monotonic() >= deadline:
                    raise PortLostError(f"{self.port}: it did not come back: {error}") from error
            time.sleep(OPEN_PAUSE_S)

    def listen(self, question: bytes, seconds: float) -> bytes:
        """What comes within this time after `question`, which no raw REPL was ready for."""
        self._write(question)
        self.heard = b""
        with suppress(NoReplyError):
            self._read_until(NEVER, time.monotonic() + seconds)
        return self.heard

    def leave(self) -> None:
        """Back to the friendly REPL, for people."""
        self._write(b"\r" + FRIENDLY)

    def soft_reset(self) -> None:
        """A fresh interpreter, still in the raw REPL; boot.py runs, main.py does not."""
        self._write(END)
        self._read_until(b"soft reboot\r\n", self._deadline(None))
        self._read_until(RAW_BANNER + b">", self._deadline(None))

    def run(self, code: str | bytes, *, timeout_s: float | None = None) -> Answer:
        """Runs `code`; the answer holds what it printed and its traceback, apart."""
        self.send(code)
        return self._answer(self._deadline(timeout_s))

    def exec(self, code: str | bytes, *, timeout_s: float | None = None) -> bytes:
        """Output of `code`. Raises DeviceError where it raised."""
        answer = self.run(code, timeout_s=timeout_s)
        if answer.error:
            raise _device_error(answer.error.decode(errors="replace"))
        return answer.output

    def send(self, code: str | bytes) -> None:
        """Starts `code` without waiting for an answer (a reset gives none)."""
        source = code.encode() if isinstance(code, str) else code
        self._write(ENTER_PASTE)
        reply = self._read_exactly(2)
        if reply == b"R\x01":
            self._paste(source)
        elif reply == b"R\x00":
            self._send_plain(source)
        elif reply == b"ra":  # it took the request for the end of a line and greets again
            self._read_until(b">", self._deadline(None))
            self._send_plain(source)
        else:
            raise ReplyError(f"{self.port}: {reply!r} to the request for raw paste")

    def write(self, data: bytes) -> None:
        """For the program that runs."""
        self._write(data)

    def read_until(self, ending: bytes, timeout_s: float) -> bytes:
        """What the program that runs says before this, of which nothing is left then."""
        return self._read_until(ending, time.monotonic() + timeout_s)

    def finish(self) -> Answer:
        """The rest of the answer to what was sent with `send`."""
        return self._answer(self._deadline(None))

    def _paste(self, source: bytes) -> None:
        window = struct.unpack("<H", self._read_exactly(2))[0]
        if not window:
            raise ReplyError(f"{self.port}: a paste window of 0 bytes")
        credit = window
        sent = 0
        while sent < len(source):
            while credit == 0 or self._ahead or self._serial.in_waiting:
                byte = self._read_exactly(1, PASTE_TIMEOUT_S)[0]
                if byte == PASTE_ABORT:  # it cannot compile this: the answer says why
                    self._write(END)
                    return
                if byte != PASTE_WINDOW:
                    raise ReplyError(f"{self.port}: byte 0x{byte:02x} during raw paste")
                credit += window
            piece = source[sent : sent + credit]
            self._write(piece)
            sent += len(piece)
            credit -= len(piece)
        self._write(END)
        self._read_until(END, self._deadline(None))

    def _send_plain(self, source: bytes) -> None:
        for at in range(0, len(source), PLAIN_CHUNK_BYTES):
            self._write(source[at : at + PLAIN_CHUNK_BYTES])
            time.sleep(PLAIN_PAUSE_S)
        self._write(END)
        reply = self._read_exactly(2)
        if reply != b"OK":
            raise ReplyError(f"{self.port}: {reply!r} instead of OK")

    def _answer(self, deadline: float) -> Answer:
        decoder = AnswerDecoder()
        while True:
            answer = decoder.feed(self._read(deadline))
            if answer is not None:
                return answer

    def _settle(self, deadline: float) -> None:
        """Everything before this answer is of an earlier session, however late it comes."""
        token = secrets.token_hex(8).encode()
        self._write(b"print('" + token + b"')" + END)
        self._read_until(token, deadline)
        self._read_until(END + END + b">", deadline)

    def _drain(self) -> None:
        self._ahead = b""
        try:
            while self._serial.in_waiting:
                more = self._serial.read(self._serial.in_waiting)
                self.heard = (self.heard + more)[-HEARD_BYTES:]
        except OSError as error:
            raise PortLostError(f"{self.port}: {error}") from error

    def _deadline(self, timeout_s: float | None) -> float:
        return time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)

    def _write(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except OSError as error:
            raise PortLostError(f"{self.port}: {error}") from error

    def _read(self, deadline: float) -> bytes:
        """At least one byte. A program that prints without end is no answer either."""
        if self._ahead:
            data, self._ahead = self._ahead, b""
            return data
        while True:
            try:
                data = bytes(self._serial.read(max(1, self._serial.in_waiting)))
            except OSError as error:
                raise PortLostError(f"{self.port}: {error}") from error
            late = time.monotonic() >= deadline
            if data and not late:
                return data
            if late:
                raise NoReplyError(f"{self.port}: the board does not answer")

    def _read_exactly(self, size: int, timeout_s: float = math.inf) -> bytes:
        deadline = self._deadline(min(timeout_s, self._timeout_s))
        data = b""
        while len(data) < size:
            data += self._read(deadline)
        self._ahead = data[size:]
        return data[:size]

    def _read_until(self, ending: bytes, deadline: float) -> bytes:
        data = b""
        try:
            while ending not in data:
                data += self._read(deadline)
        except NoReplyError:
            self.heard = (self.heard + data)[-HEARD_BYTES:]
            raise
        before, _, self._ahead = data.partition(ending)
        return before


def _open(port: str) -> serial.Serial:
    """Tries again while another program still closes the port."""
    deadline = time.monotonic() + OPEN_TIMEOUT_S
    while True:
        try:
            # The short read timeout only sets how often a deadline is looked at.
            return serial.Serial(port, BAUD, timeout=0.1, exclusive=True)
        except (OSError, ValueError) as error:
            if "lock" not in str(error) or time.monotonic() >= deadline:
                raise PortError(f"{port}: {error}") from error
        time.sleep(OPEN_PAUSE_S)


def _device_error(text: str) -> DeviceError:
    kind = NoSuchFileError if "ENOENT" in text else DeviceError
    return kind(text)
