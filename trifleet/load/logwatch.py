"""When an entry of the log could be read by anybody: sizes of the published checkpoint by time."""

import threading
from bisect import bisect_right
from pathlib import Path
from typing import Self

from fleet_backend.ledger.checkpoint import parse_checkpoint
from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.note import parse_note

# Far more often than the log's writer publishes, which is ten times a second at most.
_LOOK_S = 0.02


class LogWatch:
    """Looks at the file of the checkpoint in a thread of its own, from `with` to its end.

    The time is that of the file, by this machine's clock. One that is replaced before it was seen
    makes its entries seem later, never sooner.
    """

    def __init__(self, checkpoint: Path) -> None:
        self._file = checkpoint
        self._sizes: list[int] = []
        self._times_s: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="log-watch", daemon=True)

    def published_s(self, leaf: int) -> float | None:
        """Unix time; None where no checkpoint that covers it was seen."""
        place = bisect_right(self._sizes, leaf)
        return self._times_s[place] if place < len(self._sizes) else None

    def look(self) -> None:
        """Once. A file that is missing or no checkpoint says nothing: the audit reads it too."""
        try:
            time_s = self._file.stat().st_mtime
            if self._times_s and time_s == self._times_s[-1]:
                return
            size = parse_checkpoint(parse_note(self._file.read_bytes()).text).size
        except (OSError, LedgerError):
            return
        if not self._sizes or size > self._sizes[-1]:
            self._sizes.append(size)
            self._times_s.append(time_s)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.look()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_S):
            self.look()
