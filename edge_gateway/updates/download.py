"""Which pieces of a file are asked for, and when again. Pure: answers and time in, asks out.

A small window of pieces is under way; what does not come within a time that grows is asked for
again. Pieces leave in order, so that what is on disk is always the beginning of the file.
"""

from protocol import delivery
from protocol.delivery import Piece

FIRST_AGAIN_S = 0.7
LONGEST_AGAIN_S = 15.0
# Without any new piece for so long the download is given up; what is on disk stays.
SILENCE_S = 90.0


class Download:
    """One file from byte `have` on. `size` is known from the first answer on."""

    def __init__(self, name: str, have: int, most: int, window: int, now_s: float) -> None:
        """`most`: bytes that the file may have. `have` is a multiple of a piece."""
        self.name = name
        self.size: int | None = None
        self.is_missing = False
        self.is_too_large = False
        self._next = have  # of the file, the first byte that was not handed out
        self._most = most
        self._window = window
        self._early: dict[int, bytes] = {}
        # offset -> (when it was asked for last, how often)
        self._asked: dict[int, tuple[float, int]] = {}
        self._progress_s = now_s

    @property
    def done(self) -> bool:
        return self.size is not None and self._next >= self.size

    @property
    def bytes_done(self) -> int:
        return self._next

    def is_silent(self, now_s: float) -> bool:
        """Nothing new came for so long that it is given up."""
        return now_s - self._progress_s > SILENCE_S

    def due(self, now_s: float, window: int | None = None) -> list[int]:
        """Offsets to ask for now."""
        if self.done or self.is_missing or self.is_too_large:
            return []
        out = []
        for offset in self._wanted(self._window if window is None else window):
            at_s, tries = self._asked.get(offset, (0.0, 0))
            wait_s = min(LONGEST_AGAIN_S, FIRST_AGAIN_S * 2 ** max(0, tries - 1))
            if tries == 0 or now_s - at_s >= wait_s:
                self._asked[offset] = now_s, tries + 1
                out.append(offset)
        return out

    def received(self, piece: Piece, now_s: float) -> bytes:
        """What may be written now, in order; empty where the piece brings nothing new."""
        if piece.name != self.name:
            return b""
        if piece.size == 0:
            self.is_missing = True
            return b""
        if piece.offset not in self._asked:
            return b""  # twice, or never asked for
        if piece.size > self._most:
            self.is_too_large = True
            return b""
        if self.size is not None and piece.size != self.size:
            return b""  # another file by now: the hash would not hold
        self.size = piece.size
        del self._asked[piece.offset]
        if not piece.data:
            return b""  # all of it was on disk
        self._early[piece.offset] = piece.data
        self._progress_s = now_s
        out = bytearray()
        while (data := self._early.pop(self._next, None)) is not None:
            out += data
            self._next += len(data)
        return bytes(out)

    def _wanted(self, window: int) -> list[int]:
        """The first pieces that are neither here nor beyond the end; one until the size is known,
        for the answer may be that there is no such file."""
        ahead = window if self.size is not None else 1
        offsets = range(self._next, self._next + ahead * delivery.PIECE, delivery.PIECE)
        return [
            offset
            for offset in offsets
            if offset not in self._early and (self.size is None or offset < self.size)
        ]
