"""The updates' side of the line to the backend: asks go out, answers come in, files come whole.

For the updates' own thread, but for `arrived`. It is polite: what the gateway has to say about
vehicles goes first, so that while statements wait only one piece at a time is asked for.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from edge_gateway.updates.download import Download
from edge_gateway.updates.errors import FetchError
from edge_gateway.updates.partial import NotKept, Partials, Sink
from protocol import courier, delivery
from protocol.delivery import Piece, State, Want
from protocol.errors import DecodeError

WINDOW = 4
_POLL_S = 0.1
_ANSWERS_KEPT = 64
_WANTED_S = 10.0
_WANTED_AGAIN_S = 1.0
# Metadata of a repository that is not ours may not fill the disk.
MOST_METADATA = 1 << 20


class Upward(Protocol):
    """What carries a message to the backend; false where there is no line."""

    def publish(self, name: str, payload: bytes, retain: bool = False) -> bool: ...


class Line:
    """Fetches files by name. Raises FetchError."""

    def __init__(
        self,
        upward: Upward,
        partials: Partials,
        stop: threading.Event,
        is_busy: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] = lambda done, size: None,
    ) -> None:
        """`is_busy`: statements wait. `progress(done, size)` of the file that is being fetched."""
        self.counters: Counter[str] = Counter()
        self.progress = progress
        self._upward = upward
        self._partials = partials
        self._stop = stop
        self._is_busy = is_busy
        self._answers: queue.Queue[Piece | list[Want]] = queue.Queue(_ANSWERS_KEPT)

    def arrived(self, unverified: bytes) -> None:
        """A message on down/release, from any thread. Raises DecodeError."""
        try:
            self._answers.put_nowait(delivery.decode_down(unverified))
        except queue.Full:
            self.counters["release answers dropped"] += 1  # it is asked for again

    def tell(self, state: State) -> bool:
        """Say where a vehicle's update stands; false where there is no line."""
        return self._upward.publish(courier.UP_RELEASE, delivery.encode_state(state))

    def ask_wanted(self) -> list[Want]:
        """What our vehicles shall have."""
        end, again = time.monotonic() + _WANTED_S, 0.0
        while (now := time.monotonic()) < end and not self._stop.is_set():
            if now >= again:
                again = now + _WANTED_AGAIN_S
                self._upward.publish(courier.UP_RELEASE, delivery.encode_ask_wanted())
            answer = self._answer()
            if isinstance(answer, list):
                return answer
        raise FetchError("the backend does not say which releases are wanted")

    def fetch(self, name: str, most: int) -> bytes:
        """A whole file. One of `targets/` is kept as far as it came, and goes on from there."""
        try:
            delivery.file_name(name, "name")
        except DecodeError as error:
            raise FetchError(f"{name!r} is no name of a release file") from error
        kept: Sink = self._partials.open(name) if name.startswith("targets/") else NotKept()
        with kept:
            have = kept.size - kept.size % delivery.PIECE
            kept.cut(have)
            self._fetch(Download(name, have, most, WINDOW, time.monotonic()), kept)
            return kept.content()

    def forget(self, name: str) -> None:
        """What came of a file does not hold, or is not needed any more."""
        self._partials.forget(name)

    def _fetch(self, download: Download, kept: Sink) -> None:
        while not download.done:
            if self._stop.is_set():
                raise FetchError("the gateway ends")
            now = time.monotonic()
            for offset in download.due(now, 1 if self._is_busy() else WINDOW):
                ask = delivery.encode_ask(download.name, offset)
                self._upward.publish(courier.UP_RELEASE, ask)
                self.counters["release pieces asked for"] += 1
            answer = self._answer()
            if isinstance(answer, Piece):
                kept.write(download.received(answer, time.monotonic()))
                self.progress(download.bytes_done, download.size or 0)
            self._check(download, now)

    def _check(self, download: Download, now_s: float) -> None:
        name = download.name
        if download.is_missing:
            self._partials.forget(name)
            raise MissingFileError(f"the backend has no {name}")
        if download.is_too_large:
            raise FetchError(f"{name} is larger than it may be")
        if download.is_silent(now_s):
            raise FetchError(f"no piece of {name} came for too long")

    def _answer(self) -> Piece | list[Want] | None:
        try:
            return self._answers.get(timeout=_POLL_S)
        except queue.Empty:
            return None


class MissingFileError(FetchError):
    """The backend says that there is no such file."""
