"""How long the published log stood still: watched from the outside, as a reader would."""

import itertools
import threading
import time
from pathlib import Path

_LOOK_S = 0.02


class Growth:
    """Notes when the checkpoint's size changed, from `start` to `stop`."""

    def __init__(self, checkpoint: Path) -> None:
        self._file = checkpoint
        self._times: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="growth", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def pause_s(self, since: float) -> float:
        """The longest time without a new entry that ended after `since` (monotonic)."""
        return longest(self._times, since)

    def _run(self) -> None:
        size = ""
        while not self._stop.wait(_LOOK_S):
            try:
                found = self._file.read_text().splitlines()[1]
            except (OSError, IndexError):
                continue
            if found != size:
                size = found
                self._times.append(time.monotonic())


def longest(times: list[float], since: float) -> float:
    """Of the spans between two of these times, the longest that ended after `since`; s."""
    pairs = itertools.pairwise(times)
    return max((end - begin for begin, end in pairs if end > since), default=float("inf"))
