"""The emergency egress: who presses it gets out, whatever the state of the vehicle. Pure.

It asks nobody, gives no drive and ends no session.
"""

RELEASE_MS = 5_000


class Egress:
    """From the button to the release of the door."""

    def __init__(self) -> None:
        self._until_ms = 0
        self._pressed = False
        # A press that is not in the records yet.
        self.unrecorded = False

    def saw(self, pressed: bool, now_ms: int) -> None:
        """The button, as a frame that is whole says it."""
        if pressed:
            # Whoever presses again while the door is open makes it stay open, and no new record:
            # a loose contact must not fill the memory.
            self.unrecorded = self.unrecorded or not (self._pressed or self.releases(now_ms))
            self._until_ms = now_ms + RELEASE_MS
        self._pressed = pressed

    def releases(self, now_ms: int) -> bool:
        """Is the door released? While it is pressed, and for five seconds after."""
        return now_ms < self._until_ms
