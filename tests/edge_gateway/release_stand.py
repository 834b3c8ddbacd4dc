"""A release repository made with its own tools, and a line to it that loses messages by a seed."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge_gateway.updates.line import Line
from edge_gateway.updates.partial import Partials
from edge_gateway.updates.repository import Repository as Client
from fleet_backend.ingest.releasefiles import ReleaseFiles
from protocol import delivery
from protocol.delivery import Piece, Want
from trifleet.releases.repository import Lifetimes, Repository

PASSPHRASE = b"a passphrase of this test"
NAME = "app-7.tfr"
DIGEST = bytes(range(32))


def now() -> datetime:
    return datetime.now(UTC)


def custom(number: int = 7, digest: bytes = DIGEST) -> dict[str, object]:
    return {"board": "virtual", "number": number, "digest": digest.hex()}


class Backend:
    """Answers asks from a folder through the strict codec, losing and counting some.

    `folder` may be set to another one: a tampered copy. `spoil` may change what goes down.
    """

    def __init__(self, folder: Path, loss: float = 0.0, seed: int = 1) -> None:
        self.folder = folder
        self.asked: list[tuple[str, int]] = []
        self.states: list[delivery.State] = []
        self.wants: list[Want] = []
        self.lost = 0
        self.down_for = 0
        self.spoil: Callable[[Piece], Piece] = lambda piece: piece
        self.line: Line | None = None
        self._loss = loss
        self._random = random.Random(seed)

    def publish(self, name: str, payload: bytes, retain: bool = False) -> bool:
        """As the uplink; the answer comes at once, or never."""
        assert name == "up/release" and not retain
        asked = delivery.decode_up(payload)
        if self._loses():
            return True
        if isinstance(asked, delivery.State):
            self.states.append(asked)
            return True
        if asked is None:
            answer = delivery.encode_wanted(self.wants)
        else:
            self.asked.append(asked)
            piece = ReleaseFiles(self.folder, lambda *_: None).piece(*asked)
            answer = delivery.encode_piece(self.spoil(piece))
        if not self._loses():
            assert self.line is not None
            self.line.arrived(answer)
        return True

    def _loses(self) -> bool:
        if self._random.random() >= self._loss:
            return False
        self.lost += 1
        return True


class Stand:
    """A repository, a backend over it and a gateway's client."""

    def __init__(self, folder: Path, lifetimes: Lifetimes | None = None) -> None:
        self.folder = folder
        self.repository = Repository(folder / "repository", lifetimes)
        self.repository.init(PASSPHRASE, now())
        self.root = self.repository.root_bytes
        self.backend = Backend(self.repository.folder)
        self.stop = threading.Event()

    def publish(self, data: bytes, name: str = NAME, number: int = 7) -> None:
        files = {name: (data, custom(number)), name + ".receipt": (b"receipt", {})}
        self.repository.publish(files, PASSPHRASE, now())

    def client(self, backend: Backend | None = None, root: bytes | None = None) -> Client:
        """As after a restart: what is on disk is all that it knows."""
        backend = backend or self.backend
        line = Line(backend, Partials(self.folder / "gateway/partial"), self.stop)
        backend.line = line
        return Client(self.folder / "gateway", root or self.root, line)


def past(days: int) -> datetime:
    return now() - timedelta(days=days)
