"""Steps 5 and 6 of the order of writes: what readers see of a log, and when.

Without a quorum every signed checkpoint is published at once. With one the newest is shown as
`pending`, and `checkpoint` stays the last one that a quorum cosigned, over any restart.
"""

from .checkpoint import SignedCheckpoint, open_checkpoint
from .contracts import CheckpointLock, TileStore
from .errors import CheckpointError, ConfigError, PolicyError
from .note import add_what_fits, parse_note
from .policy import Policy
from .recovery import Keys, require_part_of
from .tile import filled_tiles
from .tree import ProvedTree


class Publication:
    """The public side of one writer. Who calls holds the writer's turn."""

    def __init__(
        self, folder: TileStore, lock: CheckpointLock, keys: Keys, policy: Policy | None
    ) -> None:
        self.seen: SignedCheckpoint | None = None
        self._folder = folder
        self._lock = lock
        self._keys = keys
        self._policy = policy
        self._waits = policy is not None and policy.needs_cosigners

    def seen_note(self) -> bytes | None:
        """What readers see, as it was published."""
        return None if self.seen is None else self.seen.note

    def settle(self, published: SignedCheckpoint | None, tree: ProvedTree) -> None:
        """Within `hold`, at the start: what was published stays so, or is again where it got lost.

        Raises LogCorruptError where it is not of this log; ConfigError for a log that was cosigned
        and is opened without a policy.
        """
        if published is not None:
            require_part_of(tree, published)
        note = self._lock.cosigned()
        if self._waits:
            self.seen = published if note is None else self._restore(note, published, tree)
            return
        # A back-up that was restored has the cosignatures in the published checkpoint alone.
        was_cosigned = note is not None or (published is not None and _has_strangers(published))
        if was_cosigned and self._policy is None:
            raise ConfigError("this log is published with cosignatures: give its policy")
        self._lock.keep_cosigned(None)
        self._folder.show_pending(None)

    def _restore(
        self, note: bytes, published: SignedCheckpoint | None, tree: ProvedTree
    ) -> SignedCheckpoint:
        kept = self._keys.open(note, "cosigned checkpoint in the lock database")
        require_part_of(tree, kept)
        if published is not None and (published.size > kept.size or published.note == note):
            return published
        self._folder.publish(note)
        return kept

    def follow(self, signed: SignedCheckpoint, since: int) -> None:
        """Within `hold`: show or publish what was signed; the log had the size `since` before."""
        if self._waits:
            # 5. Power goes here: the last cosigned checkpoint stays published. Witnesses are asked
            #    for the newest one again then; none of them signs a second history.
            self._folder.show_pending(signed.note)
        else:
            # 6. Power goes here: readers see the old checkpoint, all of whose tiles are there.
            self._folder.publish(signed.note)
            self.seen = signed
        # Power goes here: some partial tiles stay; they are dropped at the next start. Whoever
        # reads at an older checkpoint finds the full tile, of which the partial is the beginning.
        for full in filled_tiles(since, signed.size):
            self._folder.drop_partials(full)

    def open_cosigned(self, note: bytes, signed: SignedCheckpoint) -> SignedCheckpoint:
        """A checkpoint of this log that a quorum cosigned, no newer than `signed`.

        Raises NoteError, CheckpointError or PolicyError.
        """
        cosigned = open_checkpoint(note, self._keys.logs, self._keys.witnesses)
        if self._policy is None or not self._policy.is_met_by(cosigned.cosigners):
            raise PolicyError(f"checkpoint of size {cosigned.size} is not cosigned by a quorum")
        if cosigned.size > signed.size:
            raise CheckpointError(f"the log has {signed.size} entries, not {cosigned.size}")
        if cosigned.root != ProvedTree(self._folder.fetch, signed).root_at(cosigned.size):
            raise CheckpointError(f"checkpoint of size {cosigned.size} is not of this log")
        return cosigned

    def publish(self, cosigned: SignedCheckpoint, signed: SignedCheckpoint) -> None:
        """Step 6 for a checkpoint that waited for its cosignatures. Never goes back in size."""
        if self.seen is not None and cosigned.size < self.seen.size:
            return
        cosigned = self._with_earlier(cosigned)
        with self._lock.hold(signed.note):
            self._lock.keep_cosigned(cosigned.note)
        # 6. Power goes here: recovery publishes it from the lock database, so that no reader who
        #    saw it sees an older one later.
        with self._lock.hold(signed.note):
            self._folder.publish(cosigned.note)
        self.seen = cosigned

    def _with_earlier(self, cosigned: SignedCheckpoint) -> SignedCheckpoint:
        """Published again with another key or for another policy, a checkpoint keeps the
        cosignatures that readers of the former policy ask for.
        """
        if self.seen is None or self.seen.text != cosigned.text:
            return cosigned
        there = {(line.name, line.key_id) for line in parse_note(cosigned.note).signatures}
        earlier = [
            str(line)
            for line in parse_note(self.seen.note).signatures
            if line.name != cosigned.origin and (line.name, line.key_id) not in there
        ]
        note = add_what_fits(cosigned.note, earlier)
        return open_checkpoint(note, self._keys.logs, self._keys.witnesses)

    def is_newest(self, signed: SignedCheckpoint) -> bool:
        """Whether readers see `signed`, with all the signatures that log and policy ask for."""
        # Cosignatures stand behind the log's own lines.
        if self.seen is None or not self.seen.note.startswith(signed.note):
            return False
        return self._policy is None or self._policy.is_met_by(self.seen.cosigners)


def _has_strangers(published: SignedCheckpoint) -> bool:
    """Whether others than the log signed: with the policy left out, nobody's keys are known."""
    return any(line.name != published.origin for line in parse_note(published.note).signatures)
