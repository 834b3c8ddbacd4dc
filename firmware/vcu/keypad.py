"""The keys of the panel: from HMI_Keys to a code that is typed. Pure.

The frame counts presses and says the last one. If the count leaps, a digit was lost, and what was
typed is forgotten: half a code is a wrong code.
"""

ENTER = 10
CLEAR = 11
MOST = 31  # as many as VCU_Panel.Typed can say
IDLE_MS = 30_000

NOTHING = 0
DIGIT = 1
ENTERED = 2


class Keypad:
    """Keeps the digits until they are entered, cleared, or nobody typed for 30 s."""

    def __init__(self) -> None:
        self._digits = bytearray(MOST)
        self._presses: int | None = None
        self._at_ms = 0
        self.typed = 0

    def saw(self, presses: int, digit: int, now_ms: int) -> int:
        """One frame; returns NOTHING, DIGIT or ENTERED."""
        last = self._presses
        self._presses = presses
        # The first frame says how the count stands, not that somebody pressed.
        if last is None or presses == last:
            return NOTHING
        if presses != (last + 1) & 0xFF:
            self.clear()
            return NOTHING
        self._at_ms = now_ms
        return self._press(digit)

    def _press(self, digit: int) -> int:
        if digit == ENTER:
            return ENTERED
        if digit == CLEAR:
            self.clear()
        if digit > 9:
            return NOTHING
        if self.typed < MOST:
            self._digits[self.typed] = 0x30 + digit
            self.typed += 1
        return DIGIT

    def take(self) -> bytes:
        """The digits (ASCII), which are then forgotten here."""
        out = bytes(self._digits[: self.typed])
        self.clear()
        return out

    def clear(self) -> None:
        for i in range(MOST):
            self._digits[i] = 0
        self.typed = 0

    def tick(self, now_ms: int) -> None:
        """Nobody finishes another one's code."""
        if self.typed and now_ms - self._at_ms >= IDLE_MS:
            self.clear()
