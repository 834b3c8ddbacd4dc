"""Gives gateways the files of the release repository, piece by piece, from a folder.

On a thread of its own, so that no statement waits for a file. What it gives is signed by others:
the folder is read and never written here. A question that finds the queue full gets no answer; the
gateway asks again.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from protocol import courier, delivery
from protocol.delivery import Piece, Want

_LOG = logging.getLogger("fleet_backend.ingest")

Send = Callable[[str, str, bytes], None]
# Of all gateways together.
_QUEUE = 1024


class AskedPiece(NamedTuple):
    """A gateway asks for the piece of a file that begins at `offset`."""

    gateway: str
    name: str
    offset: int


class AskedWanted(NamedTuple):
    """A gateway asks what its vehicles shall have; the transaction read it."""

    gateway: str
    wants: tuple[Want, ...]


Question = AskedPiece | AskedWanted


class ReleaseFiles:
    """`ask` from any thread; it never waits."""

    def __init__(self, folder: Path, send: Send) -> None:
        """`folder` holds `metadata` and `targets`; `send` is an adapter's."""
        self._folder = folder
        self._send = send
        self._asked: deque[Question] = deque(maxlen=_QUEUE)
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="releases", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask(self, questions: Iterable[Question]) -> None:
        with self._changed:
            self._asked.extend(questions)
            self._changed.notify()

    def stop(self) -> None:
        """What is still asked stays without an answer."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def piece(self, name: str, offset: int) -> Piece:
        """Size 0 where there is no such file, or none that long. `name` was checked."""
        try:
            handle = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return Piece(name, 0, 0, b"")
        try:
            size = os.fstat(handle).st_size
            if not offset <= size <= delivery.MAX_FILE:
                return Piece(name, 0, 0, b"")
            return Piece(name, size, offset, os.pread(handle, delivery.PIECE, offset))
        finally:
            os.close(handle)

    def _run(self) -> None:
        while (question := self._next()) is not None:
            if isinstance(question, AskedWanted):
                answer = delivery.encode_wanted(list(question.wants))
            else:
                answer = delivery.encode_piece(self.piece(question.name, question.offset))
            self._send(question.gateway, courier.DOWN_RELEASE, answer)

    def _next(self) -> Question | None:
        """None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._asked)
            return None if self._ended else self._asked.popleft()
