"""Code that runs on the board as it was sent, or not at all; and an answer as it was given.

A raw REPL has no checksum: a byte that a cable lost or doubled may change an address or a name. So
each piece of code goes with its CRC-32 and a number, and is run by a few lines on the board that
compare them; what it printed comes back in the same way. What was damaged is asked for again, and a
piece that was run already is not run twice. These lines are sent once, and compared as well.
"""

from __future__ import annotations

import re
import secrets
import zlib
from base64 import b64encode
from binascii import crc32
from contextlib import suppress

from workbench.errors import DeviceError, NoReplyError, NoSuchFileError, ReplyError
from workbench.raw_repl import RawRepl

TRIES = 10
RESETS = 3
# Code from here on is compressed, where the board can inflate; no code begins with this.
PACKED_CHARACTERS, PACKED = 300, "="
_SUM = re.compile(rb"#([0-9a-f]{8})([+-])\n")
# `@` is a number of its own, so that two tools in one session do not meet. What is run has names of
# its own, too, in which `print` is the one that remembers.
_RUNNER = """
import binascii
_n@, _whole@, _said@, _mark@ = 0, True, '', '+'
def _print@(*values, sep=' ', end='\\n'):
    global _said@
    _said@ += sep.join([str(value) for value in values]) + end
_names@ = {'print': _print@}
try:
    import io, deflate
    def _inflate@(data):
        return deflate.DeflateIO(io.BytesIO(data), deflate.RAW, 10).read().decode()
    print(1)
except ImportError:
    print(0)
def _run@(n, text, sum):
    global _n@, _whole@, _said@, _mark@
    if binascii.crc32(text.encode(), n) != sum:
        raise ValueError('damaged')
    if text[:1] == '=':
        text = _inflate@(binascii.a2b_base64(text[1:]))
    if n != _n@ or not _whole@:
        if n < _n@:
            raise ValueError('an old number')
        _n@, _whole@, _said@, _mark@ = n, False, '', '+'
        try:
            exec(text, _names@)
        except Exception as error:
            _mark@ = '-'
            _said@ = type(error).__name__ + ': ' + str(error)
        _whole@ = True
    print(_said@ + '#%08x%s' % (binascii.crc32((_mark@ + _said@).encode(), n), _mark@))
"""


class Checked:
    """Wraps a REPL that is in the raw mode. `exec` as of RawRepl, and sure.

    Raises what RawRepl raises where the line stays bad; what was being done may have been done.
    """

    def __init__(self, repl: RawRepl) -> None:
        self.repl = repl
        self.port = repl.port
        self._helpers: dict[str, bytes] = {}
        self._name = secrets.token_hex(2)
        self._number = 0
        self._packs = False
        self._install()

    def add(self, helpers: str) -> bytes:
        """Code that later code needs: run once, and again where the board was reset by itself
        meanwhile. Returns what it printed. Raises DeviceError where it raised."""
        if helpers not in self._helpers:
            self._helpers[helpers] = self.exec(helpers)
        return self._helpers[helpers]

    def exec(self, code: str, *, timeout_s: float | None = None) -> bytes:
        """Output of `code`. Raises DeviceError where it raised, with one line about it."""
        for _ in range(RESETS):
            try:
                return self._sure(code, timeout_s)
            except _LostError:
                # The board was reset, by itself or by a byte that came twice.
                with suppress(_LostError):
                    self._install()
        raise ReplyError(f"{self.repl.port}: the board was reset again and again")

    def send(self, code: str) -> None:
        """Starts an expression among the names of what was run, unchecked, as RawRepl.send."""
        self.repl.send(f"eval({code!r},_names{self._name})")

    def _sure(self, code: str, timeout_s: float | None) -> bytes:
        self._number += 1
        text = self._packed(code) if self._packs and len(code) >= PACKED_CHARACTERS else code
        frame = f"_run{self._name}({self._number},{text!r},{crc32(text.encode(), self._number)})"
        failure: Exception = NoReplyError(f"{self.repl.port}: the board does not answer")
        for attempt in range(TRIES):
            try:
                if attempt:
                    self.repl.enter()
                    self._check_alive()
                worked, said = self._decode(self.repl.exec(frame, timeout_s=timeout_s))
                break
            except DeviceError as error:  # of the frame: what the code raises is an answer
                failure = ReplyError(f"{self.repl.port}: damaged on its way: {error}")
            except (NoReplyError, ReplyError) as error:
                failure = error
        else:
            raise failure
        if worked:
            return said
        text = said.decode(errors="replace")
        raise (NoSuchFileError if "ENOENT" in text else DeviceError)(text)

    @staticmethod
    def _packed(code: str) -> str:
        packer = zlib.compressobj(9, zlib.DEFLATED, -10)
        packed = packer.compress(narrow(code).encode()) + packer.flush()
        return PACKED + b64encode(packed).decode()

    def _decode(self, answer: bytes) -> tuple[bool, bytes]:
        """Whether it worked, and what it said."""
        answer = answer.replace(b"\r\n", b"\n")
        said, at, tail = answer.rpartition(b"#")
        found = _SUM.fullmatch(at + tail)
        if found is None or crc32(found[2] + said, self._number) != int(found[1], 16):
            raise ReplyError(f"{self.repl.port}: a damaged answer: {answer[-80:]!r}")
        return found[2] == b"+", said

    def _check_alive(self) -> None:
        answer = self.repl.exec(f"print('_run{self._name}' in globals())").strip()
        if answer == b"False":
            raise _LostError

    def _install(self) -> None:
        source = narrow(_RUNNER.replace("@", self._name))
        wanted = b"%d" % crc32(source.encode())
        failure: Exception | None = None
        for attempt in range(TRIES):
            try:
                if attempt:
                    self.repl.enter()
                self.repl.exec(f"import binascii\n_source = {source!r}")
                said = self.repl.exec("print(binascii.crc32(_source.encode()))")
                if said.strip() == wanted:
                    self._packs = self.repl.exec("exec(_source)").strip() == b"1"
                    break
            except (DeviceError, NoReplyError, ReplyError) as error:
                failure = error
        else:
            raise failure or ReplyError(f"{self.repl.port}: code is damaged on its way")
        self._number = 0
        for helpers in self._helpers:
            self._helpers[helpers] = self._sure(helpers, None)


def over(link: RawRepl | Checked) -> Checked:
    """What several tools share, or one of its own."""
    return link if isinstance(link, Checked) else Checked(link)


def narrow(code: str) -> str:
    """The same code with one space where four were."""
    return re.sub(r"(?m)^( {4})+", lambda found: " " * (len(found[0]) // 4), code)


class _LostError(Exception):
    """The lines on the board are gone."""
