"""A presentation over the vehicle's serial line: the way in when there is no network and no phone.

The line is that of docs/lifecycle.md, section "Cable". What is no answer of it is passed over.
"""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass

import serial

from workbench.errors import CableError, NoReplyError, PortError

BAUD = 115_200
REPLY_TIMEOUT_S = 10.0
# Three signatures on the slowest board, beside its other work.
CHECK_TIMEOUT_S = 35.0
MOST_LINE_BYTES = 256
_POLL_S = 0.2
# A line of this form is meant as an answer; a wrong one is an error, not noise.
_MEANT = re.compile(rb"(challenge|answer|refused|software) ")
_CHALLENGE = re.compile(rb"challenge ([0-9a-f]{32}) ([0-9]{1,5})")
_ANSWER = re.compile(rb"answer (done|pending)")
_SOFTWARE = re.compile(rb"software ([0-9A-Za-z.+-]{1,32}) ([0-9a-f]{64})?")
_REFUSED = re.compile(rb"refused ([0-9]{1,3}) ([A-Z_]*)")


@dataclass(frozen=True)
class CableChallenge:
    challenge: bytes
    seconds: int


@dataclass(frozen=True)
class CableAnswer:
    """`code` 0: done, or `pending` until the vehicle stands; else why it was refused."""

    code: int
    name: str = ""
    pending: bool = False


@dataclass(frozen=True)
class CableSoftware:
    """`sealed` is the SHA-256 of what is sealed in the slot that runs, empty without a slot."""

    version: str
    sealed: bytes


Reply = CableChallenge | CableAnswer | CableSoftware


def decode_line(line: bytes) -> Reply | None:
    """A line without its end; None for noise. Raises CableError for a malformed answer."""
    if found := _CHALLENGE.fullmatch(line):
        return CableChallenge(bytes.fromhex(found[1].decode()), int(found[2]))
    if found := _ANSWER.fullmatch(line):
        return CableAnswer(0, pending=found[1] == b"pending")
    if found := _SOFTWARE.fullmatch(line):
        return CableSoftware(found[1].decode(), bytes.fromhex((found[2] or b"").decode()))
    if (found := _REFUSED.fullmatch(line)) and int(found[1]):
        return CableAnswer(int(found[1]), found[2].decode())
    if _MEANT.match(line):
        raise CableError(f"{line[:80]!r} is no answer")
    return None


class Cable:
    """`with Cable("/dev/ttyACM0") as cable: cable.challenge(); cable.present(...)`."""

    def __init__(self, port: str) -> None:
        self.port = port
        self._waiting = b""
        try:
            self._serial = serial.Serial(port, BAUD, timeout=_POLL_S)
        except (OSError, serial.SerialException) as error:
            raise PortError(f"{port}: {error}") from error

    def __enter__(self) -> Cable:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._serial.close()

    def challenge(self, *, timeout_s: float = REPLY_TIMEOUT_S) -> CableChallenge:
        """Raises CableError where the vehicle obeys nobody."""
        reply = self._ask(b"challenge", timeout_s)
        if isinstance(reply, CableChallenge):
            return reply
        why = reply.name if isinstance(reply, CableAnswer) else ""
        raise CableError(f"{self.port}: no challenge: {why or reply}")

    def software(self, *, timeout_s: float = REPLY_TIMEOUT_S) -> CableSoftware:
        """What runs. Versions before this question existed do not answer it."""
        reply = self._ask(b"software", timeout_s)
        if isinstance(reply, CableSoftware):
            return reply
        raise CableError(f"{self.port}: {reply} in answer to the question for the software")

    def present(self, presentation: bytes, *, timeout_s: float = CHECK_TIMEOUT_S) -> CableAnswer:
        """What became of it, a refusal included."""
        text = base64.urlsafe_b64encode(presentation).rstrip(b"=")
        reply = self._ask(b"present " + text, timeout_s)
        if isinstance(reply, CableAnswer):
            return reply
        raise CableError(f"{self.port}: {reply} in answer to a presentation")

    def _ask(self, line: bytes, timeout_s: float) -> Reply:
        deadline = time.monotonic() + timeout_s
        # The first end of a line ends whatever was typed before.
        self._write(b"\r\n" + line + b"\r\n")
        while True:
            reply = decode_line(self._read_line(deadline))
            if reply is not None:
                return reply

    def _write(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except (OSError, serial.SerialException) as error:
            raise PortError(f"{self.port}: {error}") from error

    def _read_line(self, deadline: float) -> bytes:
        while b"\n" not in self._waiting:
            if time.monotonic() >= deadline:
                raise NoReplyError(f"{self.port}: the vehicle does not answer")
            try:
                self._waiting += self._serial.read(max(1, self._serial.in_waiting))
            except (OSError, serial.SerialException) as error:
                raise PortError(f"{self.port}: {error}") from error
            self._waiting = self._waiting[-2 * MOST_LINE_BYTES :]
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line.rstrip(b"\r")
