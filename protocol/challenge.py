"""The challenges that a vehicle has open: single use, short-lived, at most four."""

MAX_OPEN = 4
ONLINE_LIFE_MS = 120_000
ONLINE_REPLACE_MS = 60_000


class Challenges:
    """Holds (challenge, end) pairs by uptime; they are not stored, so all die at a reboot."""

    def __init__(self, random) -> None:  # type: ignore[no-untyped-def]
        # random(size) -> bytes from the hardware source.
        self._random = random
        self._open: list[tuple[bytes, int]] = []

    def give(self, now_ms: int, life_ms: int) -> bytes:
        """A fresh challenge. The oldest one goes when four are open."""
        self._drop_ended(now_ms)
        if len(self._open) >= MAX_OPEN:
            self._open.pop(0)
        challenge: bytes = self._random(16)
        self._open.append((challenge, now_ms + life_ms))
        return challenge

    def take(self, challenge: bytes, now_ms: int) -> bool:
        """Spend it: true once, false ever after, whatever becomes of the command with it."""
        self._drop_ended(now_ms)
        for i in range(len(self._open)):
            if self._open[i][0] == challenge:
                self._open.pop(i)
                return True
        return False

    def _drop_ended(self, now_ms: int) -> None:
        self._open = [pair for pair in self._open if pair[1] > now_ms]
