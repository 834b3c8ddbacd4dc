"""The challenge that is published online: one is always open, before anybody asks for it."""

from protocol import link
from protocol.challenge import ONLINE_LIFE_MS, ONLINE_REPLACE_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from protocol.challenge import Challenges


class Online:
    """`publish()` is called whenever there is a new one to send."""

    def __init__(self, challenges: "Challenges", publish: "Callable[[], None]") -> None:
        self._challenges = challenges
        self._publish = publish
        self._current = b""  # none yet
        self._given_ms = 0

    def tick(self, now_ms: int) -> None:
        if not self._current or now_ms - self._given_ms >= ONLINE_REPLACE_MS:
            self._renew(now_ms)

    def spent(self, challenge: bytes, now_ms: int) -> None:
        """A presentation took this challenge; the published one is replaced at once."""
        if challenge == self._current:
            self._renew(now_ms)

    def message(self, now_ms: int) -> bytes:
        """The current one and the seconds that it still lives."""
        self.tick(now_ms)
        left_ms = ONLINE_LIFE_MS - (now_ms - self._given_ms)
        return link.encode_challenge(self._current, left_ms // 1000)

    def _renew(self, now_ms: int) -> None:
        self._current = self._challenges.give(now_ms, ONLINE_LIFE_MS)
        self._given_ms = now_ms
        self._publish()
