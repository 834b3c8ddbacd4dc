"""The door to the diagnosis of the workshop (UDS, ISO 14229): closed until a command opens it."""

OPEN_MS = 900_000


class Diagnosis:
    """What stays in memory; the server behind it is loaded by the first request."""

    def __init__(self) -> None:
        self._open_until_ms = 0  # nothing is kept over a restart

    def open(self, now_ms: int) -> None:
        """An authorized DIAGNOSE."""
        self._open_until_ms = now_ms + OPEN_MS

    def is_open(self, now_ms: int) -> bool:
        return now_ms < self._open_until_ms
