"""What a writer checks before it signs anything: do tiles, files and lock database tell one story?

Each check raises LogCorruptError. Whoever sees that error looks before he lets the log go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from .checkpoint import SignedCheckpoint, open_checkpoint
from .contracts import TileStore
from .edge import RightEdge
from .errors import (
    CheckpointError,
    ConfigError,
    LogCorruptError,
    MissingError,
    NoteError,
    UntrustedDataError,
)
from .merkle import leaf_hash
from .note import Verifier
from .policy import Policy
from .storage import CHECKPOINT
from .tile import ENTRIES, WIDTH, Tile
from .tree import ProvedTree
from .treefiles import load_edge, load_last_bundle
from .wal import Batch


@dataclass(frozen=True)
class Keys:
    """Whose signatures count: the log's own keys, and the witnesses of its policy."""

    logs: tuple[Verifier, ...]
    witnesses: tuple[Verifier, ...] = ()

    @classmethod
    def of(cls, logs: Sequence[Verifier], policy: Policy | None) -> Self:
        """Raises ConfigError for a policy whose readers would not believe this log."""
        if not logs:
            raise ConfigError("a log is opened with a key")
        if policy is None:
            return cls(tuple(logs))
        if not set(logs) & set(policy.logs):
            raise ConfigError("the policy does not name the key of this log")
        return cls(tuple(logs), tuple(policy.witnesses.values()))

    def open(self, note: bytes, what: str) -> SignedCheckpoint:
        """A checkpoint of our own making. Raises LogCorruptError for any other."""
        try:
            return open_checkpoint(note, self.logs, self.witnesses)
        except (NoteError, CheckpointError) as error:
            raise LogCorruptError(f"{what} is not of this log and key: {error}") from error


def load_right_edge(
    folder: TileStore, signed: SignedCheckpoint
) -> tuple[RightEdge, list[bytes], ProvedTree]:
    """Right edge, last bundle and tree at the size that was signed last, tied to its root."""
    try:
        edge = load_edge(folder.fetch, signed.size)
        bundle = load_last_bundle(folder.fetch, signed.size)
    except (MissingError, UntrustedDataError) as error:
        raise LogCorruptError(f"data is older than the lock database: {error}") from error
    if edge.root() != signed.root:
        raise LogCorruptError("the tiles do not give the root that was signed last")
    if list(map(leaf_hash, bundle)) != list(edge.hashes(0)):
        raise LogCorruptError("the last bundle does not hash to its tile")
    return edge, bundle, ProvedTree(folder.fetch, signed)


def load_published(folder: TileStore, keys: Keys, signed_size: int) -> SignedCheckpoint | None:
    """The checkpoint that readers see; none where there is none yet."""
    try:
        note = folder.fetch(CHECKPOINT)
    except MissingError:
        return None
    published = keys.open(note, "published checkpoint")
    if published.size > signed_size:
        raise LogCorruptError("the lock database is older than the published checkpoint")
    return published


def require_part_of(tree: ProvedTree, published: SignedCheckpoint) -> None:
    """Refuse a published checkpoint that the log does not continue."""
    try:
        root = tree.root_at(published.size)
    except (MissingError, UntrustedDataError) as error:
        raise LogCorruptError(f"the published checkpoint cannot be proved: {error}") from error
    if root != published.root:
        raise LogCorruptError("the published checkpoint and the lock database disagree")


def require_continuous(size: int, batches: Sequence[Batch]) -> None:
    """Refuse a write-ahead file that does not go on where the signed log ends."""
    for batch in batches:
        if batch.first != size:
            raise LogCorruptError(f"write-ahead file goes on at {batch.first}, not at {size}")
        size = batch.end


def require_nothing_beyond(folder: TileStore, end: int) -> None:
    """Refuse files beyond what signed log and write-ahead file explain.

    A full tile is never deleted, and a partial one only for a full one: two looks do.
    """
    for level in (ENTRIES, 0):
        place, width = Tile(level, end // WIDTH), end % WIDTH
        widths = folder.partial_widths(place)
        if folder.has(place) or any(found > width for found in widths):
            raise LogCorruptError("the lock database is older than the data")
