"""Which Python answers in the raw REPL. The question runs on any of them and writes nothing."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace

from workbench.errors import DeviceError, ForeignBoardError, NoReplyError, ReplyError
from workbench.foreign import QUESTION, describe
from workbench.raw_repl import RawRepl

# What the application needs of the interpreter is there from this version on.
LEAST_VERSION = (1, 26)
OURS = "micropython"
RECOGNISED_WITHIN_S = 10.0
ANSWER_TIMEOUT_S = 3.0
LISTEN_S = 0.7
# The same rule for the board itself: in one piece with what is done next, before a watchdog bites.
IS_OURS = f"sys.implementation.name == {OURS!r} and sys.implementation[1] >= {LEAST_VERSION!r}"
_MOST_LINE_BYTES = 256
_LINE = re.compile(rb"fact ([a-z]+) ([ -~]*)")
# Each fact by itself: an old interpreter lacks some of the modules.
_QUESTION = """
import sys
def _fact(name, value):
    try:
        print('fact', name, value())
    except Exception:
        pass
def _uid():
    import machine
    return ''.join(['%02x' % byte for byte in machine.unique_id()])
def _rom():
    import vfs
    return len(vfs.rom_ioctl(2, 0))
def _free():
    import os
    found = os.statvfs('')
    return found[0] * found[3]
def _deflate():
    import deflate
    return int(hasattr(deflate, 'DeflateIO'))
_i = sys.implementation
_fact('name', lambda: _i.name)
_fact('version', lambda: '.'.join([str(part) for part in _i[1][:3]]))
_fact('platform', lambda: sys.platform)
_fact('machine', lambda: _i._machine)
_fact('mpy', lambda: _i._mpy)
_fact('uid', _uid)
_fact('rom', _rom)
_fact('free', _free)
_fact('deflate', _deflate)
del _fact, _uid, _rom, _free, _deflate, _i
"""


@dataclass(frozen=True)
class Interpreter:
    """`rom_bytes` is 0 where there is no ROMFS partition, `unique_id` empty where none is told."""

    name: str
    version: tuple[int, ...]
    platform: str
    machine: str
    unique_id: bytes
    rom_bytes: int
    free_bytes: int
    has_deflate: bool

    def __str__(self) -> str:
        version = ".".join(map(str, self.version))
        return f"{self.name} {version} on {self.machine or self.platform or 'an unnamed board'}"


def recognise(repl: RawRepl, *, timeout_s: float = RECOGNISED_WITHIN_S) -> Interpreter:
    """Interrupts what runs and asks who is there; afterwards `repl` is in the raw REPL.

    Raises ForeignBoardError for what is no MicroPython that the application runs on, NoReplyError
    for silence. Writes nothing to any flash.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        enter(repl, timeout_s=max(0.0, deadline - time.monotonic()))
        try:
            # Soon: a watchdog may bite, and then all over again.
            interpreter = _asked_twice(repl)
        except (DeviceError, ReplyError, NoReplyError) as error:
            if time.monotonic() < deadline:
                continue
            raise ForeignBoardError(f"{repl.port}: no Python that can be asked: {error}") from error
        check(interpreter, repl.port)
        return interpreter


def _asked_twice(repl: RawRepl) -> Interpreter:
    """A foreign interpreter has nothing to make a sum with. A line that lost a byte would else take
    a board's partition away, or make it another board. Raises ReplyError."""
    first, second = (decode(repl.exec(_QUESTION, timeout_s=ANSWER_TIMEOUT_S)) for _ in range(2))
    if replace(first, free_bytes=second.free_bytes) != second:
        raise ReplyError(f"{repl.port}: two answers that differ: {first}; {second}")
    return second


def enter(repl: RawRepl, *, timeout_s: float = RECOGNISED_WITHIN_S) -> None:
    """Into the raw REPL. Raises ForeignBoardError with a name for what has none, NoReplyError for
    silence."""
    try:
        repl.enter(timeout_s=timeout_s)
    except NoReplyError as error:
        heard = repl.heard + repl.listen(QUESTION, LISTEN_S)
        if not heard.strip(b"\x00"):
            raise
        raise ForeignBoardError(f"{repl.port}: {describe(heard)}") from error


def decode(output: bytes) -> Interpreter:
    """Raises ReplyError; facts that are missing or malformed are those of an old interpreter."""
    facts = {}
    for line in output.splitlines():
        if (found := _LINE.fullmatch(line[:_MOST_LINE_BYTES])) is not None:
            facts[found[1].decode()] = found[2].decode().strip()
    if not facts.get("name"):
        raise ReplyError(f"{output[:80]!r} does not name an interpreter")
    return Interpreter(
        name=facts["name"],
        version=_version(facts.get("version", "")),
        platform=facts.get("platform", ""),
        machine=facts.get("machine", ""),
        unique_id=_octets(facts.get("uid", "")),
        rom_bytes=_number(facts.get("rom", "")),
        free_bytes=_number(facts.get("free", "")),
        has_deflate=facts.get("deflate") == "1",
    )


def check(interpreter: Interpreter, port: str) -> None:
    """Raises ForeignBoardError unless the application can run on it."""
    if interpreter.name != OURS:
        raise ForeignBoardError(f"{port}: {interpreter}, which is not MicroPython")
    if interpreter.version < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        raise ForeignBoardError(f"{port}: {interpreter}; the application needs {least} or newer")


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    return tuple(map(int, parts)) if all(part.isdigit() and len(part) < 6 for part in parts) else ()


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 12 else 0


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
