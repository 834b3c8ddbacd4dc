"""A mirror: a copy of somebody's log that is worth as much as the original.

Nothing is written that was not proved up to a checkpoint which the log signed, and the checkpoint
that the mirror publishes is wholly covered by its files at every moment. Refuses a log that rolled
back or forked, and keeps both notes then.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from .addcheckpoint import Request, encode_request
from .ahead import Ahead
from .checkpoint import SignedCheckpoint
from .edge import RightEdge
from .errors import (
    ConfigError,
    FetchError,
    ForkError,
    LogCorruptError,
    MissingError,
    RollBackError,
    SplitViewError,
    UntrustedDataError,
    WitnessError,
)
from .evidence import find_contradiction
from .merkle import consistency_proof
from .note import add_signatures, parse_note, parse_signature
from .policy import Policy
from .storage import CHECKPOINT, LogFolder, lock_folder, read_limited, storage_errors
from .tile import ENTRIES, WIDTH, Tile, filled_tiles, partial_tiles, width_at
from .tree import ProvedTree
from .treefiles import Fetch, fetch_bundle, load_edge
from .witness import Witness

TARGET = "target"
EVIDENCE = "evidence"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Pulled:
    """What a pull did: entries before and after it, and bundles that had to be fetched."""

    old_size: int
    checkpoint: SignedCheckpoint
    fetched: int


class Mirror:
    """The mirror of one log in a folder of its own, of which `public/` is served.

    One process at a time has it open. `checkpoint` is the published one: all its files are durable
    and were proved. `target` beside `public/` is the newest one that a pull was begun for.
    """

    def __init__(self, directory: Path, policy: Policy) -> None:
        """Open a mirror, or begin one. Raises ConfigError, LockLostError, LogCorruptError."""
        if any((directory / name).exists() for name in ("lock.db", "wal")):
            raise ConfigError(f"{directory} holds a log of its own, not a mirror")
        with storage_errors("making the mirror's folder"):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._policy = policy
        self._exclusive = lock_folder(directory)
        try:
            self._folder = LogFolder(directory)
            self._folder.prepare()
            self.checkpoint = self._read_own(self.public / CHECKPOINT)
            self._target = self._read_own(directory / TARGET) or self.checkpoint
        except BaseException:
            self.close()
            raise

    @property
    def public(self) -> Path:
        """Folder that is served."""
        return self._directory / "public"

    @property
    def fetch(self) -> Fetch:
        """Files of the mirror."""
        return self._folder.fetch

    def pull(
        self, fetch: Fetch, *, connections: int = 1, progress: Progress | None = None
    ) -> Pulled:
        """Bring the mirror to the checkpoint that `fetch` gives now.

        Raises ForkError and RollBackError (both notes lie in `evidence/` then), FetchError, and
        UntrustedDataError for what does not hold. The mirror stays at its checkpoint, and the next
        pull goes on from what is there.
        """
        seen = self._policy.open_checkpoint(_checkpoint_of(fetch))
        try:
            tree = self._require_continued(fetch, seen)
        except SplitViewError as error:
            self._keep_evidence(error)
            raise
        # Power goes before this: nothing happened. After it: whatever is pulled next must continue
        # this checkpoint, so files of a pull that was broken off are of no other history.
        with storage_errors("writing the target"):
            self._folder.replace(self._directory / TARGET, seen.note)
        self._target = seen
        old_size = self.checkpoint.size if self.checkpoint else 0
        # Power goes in this: files beyond the published size, proved, which the next pull reads
        # instead of fetching them.
        fetched = self._copy(fetch, tree, connections, progress or (lambda _done, _whole: None))
        # Power goes here: all files are durable, and no reader asks for the new ones yet.
        if not self._holds(seen):
            self._publish(seen)
        for tile in filled_tiles(old_size, seen.size):
            self._folder.drop_partials(tile)
        return Pulled(old_size, seen, fetched)

    def cosign(self, witness: Witness) -> SignedCheckpoint:
        """Add the cosignatures of a witness to the published checkpoint.

        Only what is published is cosigned: it is held in full, and durable. The witness decides by
        its own memory, which stays with its keys: a mirror that was begun anew, or restored from an
        older copy, remembers nothing. Raises MissingError while nothing is held, WitnessError where
        the witness refuses, and OperationError.
        """
        if self.checkpoint is None:
            raise MissingError("the mirror holds nothing yet, so it cosigns nothing")
        lines = self._cosignatures(witness, self.checkpoint)
        new = {(line.name, line.key_id) for line in map(parse_signature, lines)}
        kept = [
            str(line)
            for line in parse_note(self.checkpoint.note).signatures
            if (line.name, line.key_id) not in new
        ]
        note = add_signatures(self.checkpoint.text + f"\n{kept[0]}\n".encode(), kept[1:] + lines)
        self._publish(self._policy.open_checkpoint(note))
        return self.checkpoint

    def _cosignatures(self, witness: Witness, held: SignedCheckpoint) -> list[str]:
        newest = witness.database.newest(held.origin)
        old = newest.size if newest is not None else 0
        if old > held.size:
            raise WitnessError(
                f"the witness has cosigned {old} entries, the mirror has {held.size}"
            )
        proof = consistency_proof(old, held.size, ProvedTree(self.fetch, held).range_hash)
        answer = witness.add_checkpoint(encode_request(Request(old, tuple(proof), held.note)))
        if answer.status != 200:
            raise WitnessError(f"the witness refused: {answer.body.decode().strip()}")
        return answer.body.decode().splitlines()

    def close(self) -> None:
        """Give the mirror free."""
        if self._exclusive >= 0:
            os.close(self._exclusive)
            self._exclusive = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_own(self, path: Path) -> SignedCheckpoint | None:
        with storage_errors(f"reading {path.name}"):
            note = read_limited(path) if path.exists() else None
        try:
            return None if note is None else self._policy.open_checkpoint(note)
        except UntrustedDataError as error:
            raise LogCorruptError(f"{path} is not what the policy accepts: {error}") from error

    def _require_continued(self, fetch: Fetch, seen: SignedCheckpoint) -> ProvedTree:
        """The tree at `seen`, once it is known to continue all that was seen before."""
        known = self._target
        if known is not None:
            if known.origin != seen.origin:
                raise ConfigError(f"a mirror of {known.origin}, and this is {seen.origin}")
            if known.size == seen.size and known.root != seen.root:
                raise _fork(known, seen, None)
            if known.size > seen.size:
                self._refuse_older(known, seen)
        tree = ProvedTree(fetch, seen)
        for item in (self.checkpoint, known):
            if item is not None and tree.root_at(item.size) != item.root:
                raise _fork(item, seen, tree)
        return tree

    def _refuse_older(self, known: SignedCheckpoint, seen: SignedCheckpoint) -> None:
        held = self.checkpoint
        if held is not None and held.size >= seen.size:
            tree = ProvedTree(self.fetch, held)
            if tree.root_at(seen.size) != seen.root:
                raise _fork(held, seen, tree)
        words = f"the log rolled back from size {known.size} to {seen.size}"
        raise RollBackError(words, known.note, seen.note)

    def _copy(self, fetch: Fetch, tree: ProvedTree, connections: int, progress: Progress) -> int:
        """Write everything up to the tree's size, proved first. Returns the bundles fetched."""
        edge, size, fetched = self._load_edge(), tree.checkpoint.size, 0
        if edge.size == size:
            return 0
        old_size = edge.size
        missing = (t.path for t in _bundles(old_size, size) if not self._folder.has(t))
        with Ahead(fetch, missing, connections) as ahead:
            for tile in _bundles(old_size, size):
                here = self._folder.has(tile)
                data = self.fetch(tile.path) if here else fetch_bundle(ahead, tile)
                leaves = self._prove(tree, tile, data, here)
                self._folder.add(tile, data)
                for above, content in edge.extend(leaves[max(0, edge.size - tile.index * WIDTH) :]):
                    if above.is_full:
                        self._folder.add(above, content)
                fetched += not here
                progress(tile.index * WIDTH + tile.width, size)
        for above in partial_tiles(size):
            self._folder.add(above, b"".join(edge.hashes(above.level)))
        self._folder.sync()
        if edge.root() != tree.checkpoint.root:
            raise LogCorruptError("what was copied does not give the root that was signed")
        return fetched

    def _prove(self, tree: ProvedTree, tile: Tile, data: bytes, here: bool) -> list[bytes]:
        try:
            return tree.leaves_of(tile, data)
        except UntrustedDataError as error:
            if here:
                raise LogCorruptError(f"the mirror's own file is damaged: {error}") from error
            raise

    def _load_edge(self) -> RightEdge:
        if self.checkpoint is None:
            return RightEdge()
        try:
            edge = load_edge(self.fetch, self.checkpoint.size)
        except (MissingError, UntrustedDataError) as error:
            raise LogCorruptError(f"the mirror's own files are damaged: {error}") from error
        if edge.root() != self.checkpoint.root:
            raise LogCorruptError("the mirror's tiles do not give the root of its checkpoint")
        return edge

    def _holds(self, seen: SignedCheckpoint) -> bool:
        """Whether the published note has this text and all these signatures."""
        held = self.checkpoint
        if held is None or held.text != seen.text:
            return False
        return set(parse_note(seen.note).signatures) <= set(parse_note(held.note).signatures)

    def _publish(self, signed: SignedCheckpoint) -> None:
        self._folder.publish(signed.note)
        self.checkpoint = signed

    def _keep_evidence(self, error: SplitViewError) -> None:
        """Both notes and what they prove, under a name that the same pair gets again."""
        name = sha256(error.known + error.seen).hexdigest()[:16]
        folder = self._directory / EVIDENCE
        with storage_errors("keeping the evidence"):
            folder.mkdir(mode=0o700, exist_ok=True)
            self._folder.replace(folder / f"{name}.known", error.known)
            self._folder.replace(folder / f"{name}.seen", error.seen)
            if error.evidence:
                self._folder.replace(folder / f"{name}.evidence", error.evidence)


def _checkpoint_of(fetch: Fetch) -> bytes:
    try:
        return fetch(CHECKPOINT)
    except MissingError as error:
        raise FetchError("the log shows no checkpoint (yet)") from error


def _fork(known: SignedCheckpoint, seen: SignedCheckpoint, tree: ProvedTree | None) -> ForkError:
    """With the evidence for a stranger; `tree` is the larger of the two."""
    proof: list[bytes] = []
    low, high = sorted((known.size, seen.size))
    if tree is not None:
        proof = consistency_proof(low, high, tree.range_hash)
    evidence = find_contradiction(known, seen, proof)
    data = bytes(evidence) if evidence is not None else b""
    return ForkError(f"the log shows another root at size {low}", known.note, seen.note, data)


def _bundles(old_size: int, size: int) -> Iterator[Tile]:
    """Bundles that a log of `size` has and one of `old_size` has not, or not as wide."""
    for index in range(old_size // WIDTH, -(-size // WIDTH)):
        yield Tile(ENTRIES, index, width_at(ENTRIES, index, size))
