"""The writer: order, recovery, and everything that makes it refuse to sign."""

import fcntl
import os
import shutil
import sqlite3

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_tools import (
    KEY,
    ORIGIN,
    check_log,
    entries_of,
    files_of,
    naive_root,
    new_log,
    open_log,
    reader_of,
)

from fleet_backend.ledger import writer as writer_module
from fleet_backend.ledger.bundle import encode_bundle
from fleet_backend.ledger.errors import (
    ConfigError,
    EntryError,
    LedgerError,
    LockLostError,
    LogCorruptError,
    StorageError,
    WriterStoppedError,
)
from fleet_backend.ledger.merkle import leaf_hash
from fleet_backend.ledger.wal import Batch, encode_batch
from fleet_backend.ledger.writer import LedgerWriter, WriterSettings, create_ledger


def test_indices_follow_each_other_and_the_root_is_that_of_the_rfc(tmp_path):
    with new_log(tmp_path) as writer:
        for first, count in ((0, 3), (3, 1), (4, 400), (404, 7)):
            assert writer.append(entries_of(count, first)) == first
            assert writer.checkpoint.root == naive_root(entries_of(first + count))
            assert reader_of(tmp_path).checkpoint == writer.checkpoint
    with open_log(tmp_path) as writer:
        assert writer.append([b"more"]) == 411
    assert check_log(tmp_path, {}) == [*entries_of(411), b"more"]


def test_everything_below_the_directory_is_private(tmp_path):
    new_log(tmp_path / "log", entries_of(300)).close()
    for path in (tmp_path / "log").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_bad_entries_change_nothing(tmp_path):
    with new_log(tmp_path) as writer:
        for bad in (["text"], [b"good", None], [bytes(65_536)], [bytearray(b"x")], [b""] * 65_537):
            with pytest.raises(EntryError):
                writer.append(bad)
        assert writer.append([bytes(65_535)]) == 0


def test_an_empty_folder_is_no_log(tmp_path):
    with pytest.raises(LogCorruptError, match=r"lock\.db is missing"):
        open_log(tmp_path)
    with pytest.raises(ConfigError, match="no log"):
        open_log(tmp_path / "absent")


def test_a_log_is_not_created_twice(tmp_path):
    new_log(tmp_path, [b"a"]).close()
    with pytest.raises(ConfigError, match="holds a log already"):
        create_ledger(tmp_path, ORIGIN, KEY)
    (tmp_path / "lock.db").unlink()
    with pytest.raises(ConfigError, match="holds a log already"):
        create_ledger(tmp_path, ORIGIN, KEY)


def test_creation_that_was_interrupted_can_be_repeated(tmp_path):
    writer_module.LockDatabase.create(tmp_path / "lock.db", ORIGIN, b"")
    (tmp_path / "lock.db").unlink()
    create_ledger(tmp_path / "whole", ORIGIN, KEY)
    for name in ("lock.db", "lock.db-wal"):
        if (tmp_path / "whole" / name).exists():
            shutil.copy(tmp_path / "whole" / name, tmp_path / name)
    create_ledger(tmp_path, ORIGIN, KEY)
    with open_log(tmp_path) as writer:
        assert writer.append([b"a"]) == 0


def test_another_key_or_origin_is_refused(tmp_path):
    new_log(tmp_path, [b"a"]).close()
    with pytest.raises(LogCorruptError, match="not of this log and key"):
        LedgerWriter.open(tmp_path, ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    with pytest.raises(LogCorruptError, match="knows no log"):
        LedgerWriter.open(tmp_path, "other.example", KEY)
    open_log(tmp_path).close()


def test_the_write_ahead_file_does_not_grow_for_ever(tmp_path):
    new_log(tmp_path).close()
    settings = WriterSettings(wal_max_bytes=10_000)
    largest = 0
    with LedgerWriter.open(tmp_path, ORIGIN, KEY, settings) as writer:
        for number in range(40):
            writer.append([b"%d" % number + bytes(900)] * 3)
            largest = max(largest, (tmp_path / "wal").stat().st_size)
    assert 5_000 < largest <= 10_000
    with open_log(tmp_path) as writer:
        assert writer.size == 120


def pending(directory, *batches: Batch) -> None:
    """As after a power cut behind step 1: the batches are in the write-ahead file only."""
    with (directory / "wal").open("ab") as file:
        for batch in batches:
            file.write(encode_batch(batch))


def test_what_was_in_the_write_ahead_file_is_added_at_the_next_start(tmp_path):
    new_log(tmp_path, entries_of(254)).close()
    pending(tmp_path, Batch(254, tuple(entries_of(3, 254))))
    with open_log(tmp_path) as writer:
        assert writer.size == 257
        assert writer.append([b"other"]) == 257
    assert check_log(tmp_path, {}) == [*entries_of(257), b"other"]


def test_a_torn_record_never_was(tmp_path):
    new_log(tmp_path, entries_of(5)).close()
    record = encode_batch(Batch(5, (b"lost",)))
    for length in (1, 20, len(record) - 1):
        with (tmp_path / "wal").open("ab") as file:
            file.write(record[:length])
        with open_log(tmp_path) as writer:
            assert writer.size == 5


def test_a_write_ahead_file_with_a_gap_is_refused(tmp_path):
    new_log(tmp_path, entries_of(5)).close()
    for batch in (Batch(6, (b"x",)), Batch(4, (b"x", b"y"))):
        (tmp_path / "wal").write_bytes(b"")
        pending(tmp_path, batch)
        with pytest.raises(LogCorruptError, match="write-ahead file goes on"):
            open_log(tmp_path)


def test_a_pending_batch_that_disagrees_with_its_files_is_refused(tmp_path):
    new_log(tmp_path, entries_of(5)).close()
    pending(tmp_path, Batch(5, (b"x",)))
    other = tmp_path / "public/tile/entries/000.p/6"
    other.write_bytes(encode_bundle([*entries_of(5), b"y"]))
    with pytest.raises(LogCorruptError, match="other bytes"):
        open_log(tmp_path)
    assert other.read_bytes() == encode_bundle([*entries_of(5), b"y"])


@pytest.mark.parametrize("sizes", [(3, 6), (250, 258), (256, 257), (250, 600)])
def test_a_lock_database_older_than_the_data_is_refused(tmp_path, sizes):
    small, large = sizes
    new_log(tmp_path, entries_of(small)).close()
    shutil.copy(tmp_path / "lock.db", tmp_path / "old.db")
    checkpoint = (tmp_path / "public/checkpoint").read_bytes()
    with open_log(tmp_path) as writer:
        writer.append(entries_of(large - small, small))
    shutil.copy(tmp_path / "old.db", tmp_path / "lock.db")
    (tmp_path / "wal").write_bytes(b"")
    with pytest.raises(LogCorruptError, match="older than the published checkpoint"):
        open_log(tmp_path)
    (tmp_path / "public/checkpoint").write_bytes(checkpoint)
    with pytest.raises(LogCorruptError, match="older"):
        open_log(tmp_path)


def test_data_older_than_the_lock_database_is_refused(tmp_path):
    new_log(tmp_path, entries_of(250)).close()
    shutil.copytree(tmp_path / "public", tmp_path / "back-up")
    with open_log(tmp_path) as writer:
        writer.append(entries_of(60, 250))
    shutil.rmtree(tmp_path / "public")
    (tmp_path / "back-up").rename(tmp_path / "public")
    with pytest.raises(LogCorruptError, match="data is older"):
        open_log(tmp_path)


def test_a_published_checkpoint_that_fell_behind_is_published_again(tmp_path):
    writer = new_log(tmp_path, entries_of(5))
    old = (tmp_path / "public/checkpoint").read_bytes()
    writer.append(entries_of(5, 5))
    writer.close()
    for note in (old, None):
        (tmp_path / "public/checkpoint").unlink()
        if note:
            (tmp_path / "public/checkpoint").write_bytes(note)
        open_log(tmp_path).close()
        assert reader_of(tmp_path).checkpoint.size == 10


@pytest.mark.parametrize(
    "name", ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44", "checkpoint"]
)
def test_a_changed_right_edge_is_refused(tmp_path, name):
    new_log(tmp_path, entries_of(300)).close()
    path = tmp_path / "public" / name
    data = path.read_bytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    last = data[:-1] + bytes([data[-1] ^ 1])
    for wrong in (flipped, last, data[:-1], b""):
        path.write_bytes(wrong)
        with pytest.raises(LogCorruptError):
            open_log(tmp_path)
    path.write_bytes(data)
    open_log(tmp_path).close()


def test_a_full_tile_that_is_there_with_other_bytes_stops_the_writer(tmp_path):
    with new_log(tmp_path, entries_of(250)) as writer:
        (tmp_path / "public/tile/0/000").write_bytes(bytes(8192))
        with pytest.raises(LogCorruptError, match="tile/0/000 is there with other bytes"):
            writer.append(entries_of(10, 250))
        with pytest.raises(WriterStoppedError):
            writer.append([b"x"])
    assert (tmp_path / "public/tile/0/000").read_bytes() == bytes(8192)
    assert reader_of(tmp_path).audit().checkpoint.size == 250


@pytest.mark.parametrize("part", ["tile/0/", "tile/1/", "tile/entries/"])
def test_what_reads_back_otherwise_is_not_signed(tmp_path, monkeypatch, part):
    """A flipped bit between memory and disk, in each kind of file."""
    writer = new_log(tmp_path, entries_of(250))
    fetch = writer._folder.fetch

    def flipping(path):
        data = bytearray(fetch(path))
        if path.startswith(part):
            data[-1] ^= 1
        return bytes(data)

    monkeypatch.setattr(writer._folder, "fetch", flipping)
    with pytest.raises(LogCorruptError, match="read back"):
        writer.append(entries_of(10, 250))
    assert reader_of(tmp_path).checkpoint.size == 250
    writer.close()
    with open_log(tmp_path) as again:
        assert again.size == 260
    check_log(tmp_path, dict(enumerate(entries_of(260))))


def test_an_old_hash_that_reads_back_otherwise_is_not_signed(tmp_path, monkeypatch):
    """In a place that no file of the batch stands below: only the root tells."""
    writer = new_log(tmp_path, entries_of(300))
    fetch = writer._folder.fetch

    def flipping(path):
        data = fetch(path)
        return bytes([data[0] ^ 1]) + data[1:] if path == "tile/1/000.p/2" else data

    monkeypatch.setattr(writer._folder, "fetch", flipping)
    with pytest.raises(LogCorruptError, match="read back with another root"):
        writer.append(entries_of(220, 300))
    writer.close()
    assert reader_of(tmp_path).checkpoint.size == 300


def test_a_flipped_leaf_hash_in_memory_is_not_signed(tmp_path, monkeypatch):
    writer = new_log(tmp_path, entries_of(3))
    flipped = {b"entry 4": leaf_hash(b"another entry")}
    monkeypatch.setattr(
        writer_module, "leaf_hash", lambda entry: flipped.get(entry) or leaf_hash(entry)
    )
    with pytest.raises(LogCorruptError, match="read back"):
        writer.append(entries_of(3, 3))
    writer.close()
    assert reader_of(tmp_path).checkpoint.size == 3
    # The wrong tile is on disk beyond the signed size: the next start does not paper over it.
    monkeypatch.undo()
    with pytest.raises(LogCorruptError, match="other bytes"):
        open_log(tmp_path)


def test_a_second_writer_is_refused(tmp_path):
    with new_log(tmp_path, [b"a"]) as writer:
        with pytest.raises(LockLostError, match="another writer"):
            open_log(tmp_path)
        assert writer.append([b"b"]) == 1
    open_log(tmp_path).close()


def test_who_loses_the_lock_database_stops(tmp_path, monkeypatch):
    """Two writers as on a file system whose locks do not work: the first has had its turn."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    first = new_log(tmp_path, entries_of(3))
    second = open_log(tmp_path)
    before = files_of(tmp_path)
    with pytest.raises(LockLostError, match="took the log over"):
        first.append([b"lost"])
    with pytest.raises(WriterStoppedError):
        first.append([b"lost"])
    assert files_of(tmp_path) == before
    assert second.append([b"kept"]) == 3
    first.close()
    second.close()
    assert check_log(tmp_path, {}) == [*entries_of(3), b"kept"]


def test_a_writer_in_the_middle_of_a_batch_keeps_others_out(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    monkeypatch.setattr("fleet_backend.ledger.lockdb.WAIT_S", 0.01)
    writer = new_log(tmp_path, entries_of(3))
    with writer._lock.hold(writer.checkpoint.note), pytest.raises(LockLostError, match="at work"):
        open_log(tmp_path)
    assert writer.append([b"x"]) == 3


def test_a_moved_row_loses_the_swap(tmp_path):
    writer = new_log(tmp_path, entries_of(3))
    with writer._lock.hold(writer.checkpoint.note), pytest.raises(LockLostError, match="moved"):
        writer._lock.swap(b"another note", b"new")
    assert writer.append([b"x"]) == 3


@pytest.mark.parametrize("damage", [b"", b"not a database, but long enough to be read" * 9])
def test_a_damaged_lock_database_is_refused(tmp_path, damage):
    new_log(tmp_path, [b"a"]).close()
    (tmp_path / "lock.db").write_bytes(damage)
    with pytest.raises(LedgerError):
        open_log(tmp_path)
    with pytest.raises(LedgerError):
        open_log(tmp_path)


def test_a_lock_database_with_a_forged_row_is_refused(tmp_path):
    new_log(tmp_path, [b"a"]).close()
    with sqlite3.connect(tmp_path / "lock.db") as database:
        database.execute("UPDATE log SET note = x'00'")
    database.close()
    with pytest.raises(LogCorruptError, match="lock database is not of this log"):
        open_log(tmp_path)


def test_after_a_failed_fsync_the_writer_is_of_no_use_until_reopened(tmp_path, monkeypatch):
    writer = new_log(tmp_path, entries_of(5))
    fsync = os.fsync
    for number in range(1, 40):
        calls = iter(range(1, 1000))

        def failing(descriptor, calls=calls, number=number):
            if next(calls) == number:
                raise OSError(5, "Input/output error")
            fsync(descriptor)

        first = writer.size
        monkeypatch.setattr(os, "fsync", failing)
        try:
            writer.append([b"batch %d" % number])
        except StorageError:
            with pytest.raises(WriterStoppedError):
                writer.append([b"lost"])
        else:
            break
        finally:
            monkeypatch.setattr(os, "fsync", fsync)
        writer.close()
        writer = open_log(tmp_path)
        assert writer.size in (first, first + 1)
    # Write-ahead file, bundle, tile, their two folders, checkpoint and its folder; then success.
    assert number == 8
    writer.close()
    check_log(tmp_path, {})


def test_a_full_disk_is_an_error_and_not_the_end(tmp_path, monkeypatch):
    writer = new_log(tmp_path, entries_of(5))

    def full(descriptor, data):
        os.ftruncate(descriptor, 10)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StorageError, match="No space left"):
            writer.append([b"x"])
    writer.close()
    with open_log(tmp_path) as again:
        assert again.append([b"y"]) == 5
    assert check_log(tmp_path, {}) == [*entries_of(5), b"y"]


def test_a_closed_writer_says_so(tmp_path):
    writer = new_log(tmp_path, [b"a"])
    writer.close()
    writer.close()
    with pytest.raises(WriterStoppedError, match="closed"):
        writer.append([b"b"])


def test_an_overtaken_writer_does_not_publish_over_a_newer_checkpoint(tmp_path, monkeypatch):
    """Overtaken between step 4 and step 6, on a file system whose locks do nothing."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    first = new_log(tmp_path, entries_of(3))
    swap, others = first._commit, []

    def overtaken(batch, *, is_new):
        swap(batch, is_new=is_new)
        others.append(open_log(tmp_path))
        others[0].append([b"newer"])

    monkeypatch.setattr(first, "_commit", overtaken)
    with pytest.raises(LockLostError, match="took the log over"):
        first.append(entries_of(2, 3))
    assert reader_of(tmp_path).checkpoint == others[0].checkpoint
    first.close()
    others[0].close()
    assert check_log(tmp_path, {}) == [*entries_of(5), b"newer"]
