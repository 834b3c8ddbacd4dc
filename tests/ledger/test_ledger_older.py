"""Clean-up of partial tiles never disturbs who reads at an older checkpoint."""

import random
from pathlib import Path

from ledger_tools import SIGNER, entries_of, files_of, new_log

from fleet_backend.ledger.merkle import leaf_hash, verify_inclusion
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import CHECKPOINT, FolderFetch
from fleet_backend.ledger.writer import LedgerWriter


def reader_at(directory: Path, note: bytes) -> LedgerReader:
    """Someone who fetched the checkpoint a while ago, and no tile yet."""
    fetch = FolderFetch(directory / "public")
    return LedgerReader(lambda path: note if path == CHECKPOINT else fetch(path), SIGNER.verifier)


def test_readers_of_every_older_checkpoint_go_on_while_the_log_grows(tmp_path, seed):
    """Some began long ago, some begin only now; over the ends of two tiles."""
    choose = random.Random(seed)
    entries = entries_of(700)
    notes: list[tuple[int, bytes]] = []
    begun: list[LedgerReader] = []
    with new_log(tmp_path) as writer:
        while writer.size < 600:
            writer.append(entries[writer.size : writer.size + choose.choice((1, 2, 7, 40, 90))])
            notes.append((writer.size, writer.checkpoint.note))
            begun.append(reader_at(tmp_path, writer.checkpoint.note))
            begun[-1].checkpoint  # noqa: B018  (fetches the right edge)
            for (size, note), early in zip(notes, begun, strict=True):
                for reader in (early, reader_at(tmp_path, note)):
                    index = choose.randrange(size)
                    proof = reader.inclusion_proof(index)
                    root = reader.checkpoint.root
                    verify_inclusion(index, size, leaf_hash(entries[index]), proof, root)
                    assert reader.entry(size - 1) == entries[size - 1]
        assert not [name for name in files_of(tmp_path) if "/000.p/" in name and "/1/" not in name]
        for size, note in notes:
            reader = reader_at(tmp_path, note)
            assert reader.audit().checkpoint.size == size
            assert list(reader.entries(0, size)) == entries[:size]


class GrowingFetch:
    """The log grows between any two files that a reader fetches."""

    def __init__(self, directory: Path, writer: LedgerWriter, step: int) -> None:
        self._fetch = FolderFetch(directory / "public")
        self._writer = writer
        self._step = step
        self.frozen = writer.checkpoint.note

    def __call__(self, path: str) -> bytes:
        self._writer.append(entries_of(self._step, self._writer.size))
        return self.frozen if path == CHECKPOINT else self._fetch(path)


def test_a_log_that_grows_between_any_two_fetches(tmp_path):
    """Steps of one entry fill the tile under the reader's eyes; steps of 100 fill it each time."""
    for step in (1, 100):
        directory = tmp_path / str(step)
        with new_log(directory, entries_of(253)) as writer:
            fetch = GrowingFetch(directory, writer, step)
            reader = LedgerReader(fetch, SIGNER.verifier)
            assert reader.audit(older_partials=False).checkpoint.size == 253
            assert list(reader.entries(0, 253)) == entries_of(253)
            fetch.frozen = writer.checkpoint.note
            assert reader.update().size > 253
            assert reader.root_at(253) == LedgerReader(fetch, SIGNER.verifier).root_at(253)
