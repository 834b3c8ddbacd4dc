"""Reads a log that nobody has to trust: all that it returns is proved up to a signed checkpoint.

Files come from any `fetch(path) -> bytes` that raises MissingError for what is not there; a partial
tile that is gone is read from the full one. Refuses a log that rolls back or forks under its eyes.
"""

from collections.abc import Iterator

from .checkpoint import SignedCheckpoint, open_checkpoint
from .errors import CheckpointError, ProofError, TileError
from .fsck import FsckReport, FsckSettings, check_log
from .merkle import consistency_proof, inclusion_proof
from .note import Verifier
from .storage import CHECKPOINT
from .tile import WIDTH
from .tree import ProvedTree
from .treefiles import Fetch


def _require_continued(seen: SignedCheckpoint, tree: ProvedTree) -> None:
    size = tree.checkpoint.size
    if seen.size > size:
        raise CheckpointError(f"the log rolled back from size {seen.size} to {size}")
    if tree.root_at(seen.size) != seen.root:
        raise CheckpointError(f"the log was forked: another root at size {seen.size}")


class LedgerReader:
    """One log, at the newest checkpoint that `update` saw. Not for several threads at once."""

    def __init__(self, fetch: Fetch, *logs: Verifier) -> None:
        """`logs`: the log's key, or its new and its old one while it changes."""
        self._fetch = fetch
        self._logs = logs
        self._current: tuple[SignedCheckpoint, ProvedTree] | None = None

    def update(self) -> SignedCheckpoint:
        """Fetch the checkpoint and verify it, and that it continues the last one that was seen.

        Raises CheckpointError where the log rolled back or forked; the old one stays in use then.
        """
        note = self._fetch(CHECKPOINT)
        if self._current is None or note != self._current[0].note:
            self._current = self._open(note)
        return self._current[0]

    @property
    def checkpoint(self) -> SignedCheckpoint:
        """The checkpoint in use; fetched at the first call."""
        return self._use()[0]

    @property
    def _tree(self) -> ProvedTree:
        return self._use()[1]

    def _use(self) -> tuple[SignedCheckpoint, ProvedTree]:
        if self._current is None:
            self._current = self._open(self._fetch(CHECKPOINT))
        return self._current

    def _open(self, note: bytes) -> tuple[SignedCheckpoint, ProvedTree]:
        signed = open_checkpoint(note, self._logs)
        tree = ProvedTree(self._fetch, signed)
        if self._current is not None:
            _require_continued(self._current[0], tree)
        return signed, tree

    def entry(self, index: int) -> bytes:
        """Entry `index`, proved."""
        return self._tree.entry(index)

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Entries `start` to `stop` - 1, proved, one bundle in memory at a time."""
        tree = self._tree
        return (tree.entry(index) for index in range(start, stop))

    def leaf(self, index: int) -> bytes:
        """Leaf hash of entry `index`, proved."""
        return self._tree.leaf(index)

    def find(self, leaf: bytes) -> int:
        """Index of the first entry with this leaf hash, proved. Reads the tiles of level 0 until
        then. Raises ProofError where there is none.
        """
        tree = self._tree
        for number in range(-(-tree.checkpoint.size // WIDTH)):
            hashes = tree.hashes(0, number)
            if leaf in hashes:
                return number * WIDTH + hashes.index(leaf)
        raise ProofError(f"no entry of the log has the leaf hash {leaf.hex()}")

    def root_at(self, size: int) -> bytes:
        """Root that the log had at `size`, proved."""
        return self._tree.root_at(size)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Audit path of entry `index` in the tree of `size` (else of the checkpoint)."""
        tree = self._tree
        size = tree.checkpoint.size if size is None else size
        if size > tree.checkpoint.size:
            raise ProofError(f"the log has {tree.checkpoint.size} entries, not {size}")
        return inclusion_proof(index, size, tree.range_hash)

    def consistency_proof(self, old_size: int, new_size: int | None = None) -> list[bytes]:
        """Proof that the tree of `new_size` (the checkpoint's if not said) continues `old_size`."""
        tree = self._tree
        new_size = tree.checkpoint.size if new_size is None else new_size
        if new_size > tree.checkpoint.size:
            raise ProofError(f"the log has {tree.checkpoint.size} entries, not {new_size}")
        return consistency_proof(old_size, new_size, tree.range_hash)

    def audit(self, *, older_partials: bool = True) -> FsckReport:
        """Check the whole log in this process: `fsck.check_log` up to the first fault, raised.

        `older_partials` looks for the partial tiles of earlier sizes at the right edge, too: at
        most 255 requests a level. Memory does not grow with the log.
        """
        settings = FsckSettings(max_faults=1, older_partials=older_partials, beyond=False)
        if self._current is not None:
            signed = self._current[0]
        else:
            signed = open_checkpoint(self._fetch(CHECKPOINT), self._logs)
        report = check_log(self._fetch, signed, settings)
        if report.faults:
            raise TileError(str(report.faults[0]))
        return report
