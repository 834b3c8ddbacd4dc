"""The serial line as a path for presentations: lines of text in, lines of text out. Pure.

Asked `challenge`, it answers `challenge <hex> <seconds>`; asked `present <base64url>`, it answers
`answer done`, `answer pending` or `refused <code> <name>`; asked `software`, it answers
`software <version> <hash of what is sealed in the slot that runs>`. Everything else on the line is
none of its business and gets no answer. What was sent is never echoed.
"""

import binascii

from protocol import refusal
from protocol.presentation import MAX_BYTES

from vcu.version import FIRMWARE

CHALLENGE_MS = 30_000
# Less than this is not worth signing against.
_WORTH_MS = 10_000
_ASK = b"challenge"
_SOFTWARE = b"software"
_PRESENT = b"present "
_LONGEST_ASK = 16
_DONE, _PENDING = b"answer done\r\n", b"answer pending\r\n"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_WORDS, _DATA, _NOISE = range(3)


class Cable:
    """One line at a time. `take` is fed what arrived, `poll` says what became of a presentation.

    `challenge(life_ms, now_ms)` gives one, or None where nobody is obeyed. `offer(presentation,
    now_ms)` is false while another one is checked. `outcome()` is None until that check is over,
    then 0 done, -1 pending, or the code of the refusal. `software` is a hash, or empty.
    """

    def __init__(
        self,
        challenge: "Callable[[int, int], bytes | None]",
        offer: "Callable[[bytes, int], bool]",
        outcome: "Callable[[], int | None]",
        software: bytes,
    ) -> None:
        self._challenge = challenge
        self._offer = offer
        self._outcome = outcome
        self._software = software
        self._state = _WORDS
        self._line = b""  # what of the line is not decoded yet
        self._data = b""  # what of a presentation is
        self._waits = False
        self._given = b""
        self._given_ms = 0

    def take(self, data: bytes, now_ms: int) -> bytes:
        """Bytes from the line; returns the bytes to answer with."""
        said = b""
        at = 0
        while at < len(data):
            end = _end_of_line(data, at)
            self._add(data[at : end if end >= 0 else len(data)])
            if end < 0:
                break
            said += self._finish(now_ms)
            at = end + 1
        return said

    def poll(self) -> bytes:
        """The answer to a presentation, once; empty while there is none."""
        if not self._waits:
            return b""
        outcome = self._outcome()
        if outcome is None:
            return b""
        self._waits = False
        if outcome > 0:
            return _refused(outcome)
        return _PENDING if outcome else _DONE

    def _add(self, piece: bytes) -> None:
        if self._state == _NOISE or not piece:
            return
        self._line += piece
        if self._state == _WORDS:
            if self._line[: len(_PRESENT)] == _PRESENT:
                self._state = _DATA
                self._line = self._line[len(_PRESENT) :]
            elif len(self._line) > _LONGEST_ASK:
                self._drop()
        if self._state == _DATA:
            self._decode(len(self._line) & ~3)

    def _decode(self, size: int) -> None:
        # Piece by piece as it comes: a whole line would need its memory twice.
        part = _from_base64(self._line[:size])
        if part is None or len(self._data) + len(part) > MAX_BYTES:
            self._drop()
            self._state = _NOISE
            self._line = _PRESENT  # it was one, and is refused at its end
            return
        self._data += part
        self._line = self._line[size:]

    def _drop(self) -> None:
        self._state = _NOISE
        self._line = self._data = b""

    def _finish(self, now_ms: int) -> bytes:
        state, line, data = self._state, self._line, self._data
        self._drop()
        self._state = _WORDS
        if state == _WORDS:
            if line == _SOFTWARE:
                return b"software %s %s\r\n" % (FIRMWARE.encode(), binascii.hexlify(self._software))
            return self._give(now_ms) if line == _ASK else b""
        if state == _NOISE:
            return _refused(refusal.MALFORMED) if line == _PRESENT else b""
        rest = _from_base64(line)
        if rest is None or not 0 < len(data) + len(rest) <= MAX_BYTES:
            return _refused(refusal.MALFORMED)
        return self._present(data + rest, now_ms)

    def _give(self, now_ms: int) -> bytes:
        # The same one while it lives: who asks often crowds nobody's challenge out.
        if not self._given or now_ms - self._given_ms > CHALLENGE_MS - _WORTH_MS:
            given = self._challenge(CHALLENGE_MS, now_ms)
            if given is None:
                return _refused(refusal.UNPROVISIONED)
            self._given, self._given_ms = given, now_ms
        left_s = (CHALLENGE_MS - (now_ms - self._given_ms)) // 1000
        return b"challenge %s %d\r\n" % (binascii.hexlify(self._given), left_s)

    def _present(self, presentation: bytes, now_ms: int) -> bytes:
        self._given = b""  # it may be spent now
        if self._waits or not self._offer(presentation, now_ms):
            return _refused(refusal.BUSY)
        self._waits = True
        return b""


def _end_of_line(data: bytes, at: int) -> int:
    feed, back = data.find(b"\n", at), data.find(b"\r", at)
    if feed < 0 or back < 0:
        return max(feed, back)
    return min(feed, back)


def _from_base64(text: bytes) -> "bytes | None":
    # base64url without padding, in its one canonical form; None for anything else.
    if b"+" in text or b"/" in text or b"=" in text or len(text) % 4 == 1:
        return None
    plain = text.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(text) % 4)
    try:
        data = binascii.a2b_base64(plain)
    except ValueError:
        return None
    # Decoders skip what they do not know; what they give back tells.
    return data if binascii.b2a_base64(data)[:-1] == plain else None


def _refused(code: int) -> bytes:
    name: str = refusal.NAMES.get(code, "")
    return b"refused %d %s\r\n" % (code, name.encode())
