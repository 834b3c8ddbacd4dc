"""What a writer rests on: where its files, its order of entries and its signed checkpoint lie.

One machine keeps them in a folder (`logplace.py`). A writer that another machine must be able to
take over keeps them elsewhere, with the same promises. An implementation raises StorageError where
it cannot know what was stored: the writer stops then, and nothing is retried above it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from .tile import Tile
from .treefiles import Fetch
from .wal import Batch


class TileStore(Protocol):
    """The served files. Several writers may be at work by mistake; the files stay right then:
    a name never gets other bytes, and a checkpoint never gives way to a smaller one.
    """

    @property
    def fetch(self) -> Fetch:
        """A file as readers get it, from the store itself and not from a memory of it."""

    def prepare(self) -> None:
        """Before anything else, once: make room, drop what a crash of this writer left half."""

    def add(self, tile: Tile, data: bytes) -> None:
        """Store a tile or bundle; durable and readable after the next `sync`.

        This or `sync` raises LogCorruptError where other bytes stand under the name: they stay.
        """

    def sync(self) -> None:
        """Return when everything that was added is durable."""

    def publish(self, note: bytes) -> None:
        """Replace `checkpoint`, durably: readers get the old or the new one at every moment.

        Atomic among all writers: LockLostError where a larger checkpoint stands there.
        """

    def show_pending(self, note: bytes | None) -> None:
        """Replace `pending`, or take it away. Need not be durable."""

    def put_signed_root(self, data: bytes) -> None:
        """Replace `checkpoint.cose`. Need not be durable."""

    def drop_partials(self, full: Tile) -> None:
        """Delete the partial tiles in the place of `full`, if `full` is there."""

    def partial_widths(self, tile: Tile) -> Sequence[int]:
        """Widths of the partial tiles that are there in the place of `tile`."""

    def has(self, tile: Tile) -> bool:
        """Is this very tile there?"""


class CheckpointLock(Protocol):
    """The memory of what was signed: one row a log, and who holds it.

    It is the guard against two histories. Whatever the clocks say and however many writers believe
    that it is their turn, `swap` lets one of them through.
    """

    def take(self) -> bytes:
        """Become the holder; whoever was it is refused from now on. Returns the newest note."""

    def hold(self, note: bytes) -> AbstractContextManager[None]:
        """Raises LockLostError unless we hold the log and `note` is its newest.

        It may keep others out until it ends (a file), or only look (a database that others share,
        where a writer that stands still must not stop its successor). The second needs an order of
        entries that refuses them, see `EntryOrder`.
        """

    def swap(self, old: bytes, new: bytes) -> None:
        """Within `hold`: `new` in the place of `old`, in one step; durable once `hold` has ended.

        Raises LockLostError where another one holds the log or `old` is not its newest.
        """

    def cosigned(self) -> bytes | None:
        """Within `hold`: the last note that `keep_cosigned` was given."""

    def keep_cosigned(self, note: bytes | None) -> None:
        """Within `hold`: remember what is about to be published, durable once `hold` has ended."""

    def close(self) -> None:
        """Let go. Nothing is lost by not calling it."""


class EntryOrder(Protocol):
    """The write-ahead log: which entry stands at which index, decided before any tile is written.

    An index never gets a second entry. So whoever integrates the order, the same tiles come out to
    the byte, and it does no harm if two writers write them.
    """

    def read(self) -> Iterator[Batch]:
        """The last batch, and whatever was appended and may not be in the log, in order."""

    def rewrite(self, batches: Sequence[Batch]) -> None:
        """`batches` are what has still to be added: hold them, durably; begin to append."""

    def append(self, batch: Batch) -> None:
        """Durable when this returns, all of it or nothing.

        Where `hold` does not keep others out it raises LockLostError in the same step, unless we
        hold the log and `batch` follows what was appended last.
        """

    def trim(self) -> None:
        """Everything that was appended is in the log and published: it may be forgotten."""

    def close(self) -> None:
        """Let go."""


@dataclass(frozen=True)
class LogPlace:
    """All that a writer of one log needs; `release` gives the rest free when it is closed."""

    tiles: TileStore
    lock: CheckpointLock
    order: EntryOrder
    release: Callable[[], None] = lambda: None

    def close(self) -> None:
        """May be called again."""
        self.order.close()
        self.lock.close()
        self.release()
