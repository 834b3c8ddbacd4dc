"""One contract for the log's files, whatever they lie in."""

import os
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from logstore_stores import Open
from obstore.store import MemoryStore

from fleet_backend.ledger.checkpoint import Checkpoint, sign_checkpoint
from fleet_backend.ledger.errors import (
    LockLostError,
    LogCorruptError,
    MissingError,
    StorageError,
    TileError,
)
from fleet_backend.ledger.keys import log_signer
from fleet_backend.ledger.storage import MAX_FILE_BYTES
from fleet_backend.ledger.tile import ENTRIES, Tile
from fleet_backend.logstore.folder import SharedFolder
from fleet_backend.logstore.notes import size_of
from fleet_backend.logstore.objects import ObjectFetch, ObjectTiles

SIGNER = log_signer("log.example/shared", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
TILES = [Tile(0, 0, 3), Tile(0, 0), Tile(1, 1234067, 255), Tile(ENTRIES, 7)]


def note(size: int) -> bytes:
    return sign_checkpoint(Checkpoint(SIGNER.name, size, bytes(32)), SIGNER).note


def test_tiles_are_there_after_the_sync_and_other_bytes_are_refused(opens: Open) -> None:
    tiles, other = opens(), opens()
    tiles.prepare()
    for number, tile in enumerate(TILES):
        assert not tiles.has(tile)
        tiles.add(tile, bytes([number]) * 32)
    tiles.sync()
    other.prepare()
    for number, tile in enumerate(TILES):
        assert other.has(tile)
        assert other.fetch(tile.path) == bytes([number]) * 32
        # A writer that goes on with the same order writes the same bytes once more.
        other.add(tile, bytes([number]) * 32)
    other.sync()
    with pytest.raises(LogCorruptError, match=r"tile/0/000\.p/3 is there with other bytes"):
        other.add(TILES[0], b"other")
        other.sync()
    assert tiles.fetch(TILES[0].path) == bytes(32)


def test_what_is_not_there_is_missing_and_nonsense_is_refused(opens: Open) -> None:
    tiles = opens()
    tiles.prepare()
    for path in ("checkpoint", "pending", "checkpoint.cose", "tile/0/000", "tile/entries/x001/000"):
        with pytest.raises(MissingError):
            tiles.fetch(path)
    for path in ("", "tile", "tile/0/0", "../checkpoint", "/etc/passwd", "tile/0/000.p/256"):
        with pytest.raises(TileError):
            tiles.fetch(path)


@given(st.text(max_size=30))
def test_no_text_reads_anything_else_than_a_file_of_the_log(path: str) -> None:
    with pytest.raises((TileError, MissingError)):
        ObjectFetch(MemoryStore())(path)


def test_a_checkpoint_never_gives_way_to_a_smaller_one(opens: Open) -> None:
    first, second = opens(), opens()
    first.prepare()
    second.prepare()
    first.publish(note(0))
    first.publish(note(5))
    second.publish(note(7))
    with pytest.raises(LockLostError, match="larger"):
        first.publish(note(6))
    assert first.fetch("checkpoint") == note(7)
    second.publish(note(7))  # again, as after a restart
    first.publish(note(9))
    second.publish(note(12))
    assert second.fetch("checkpoint") == note(12)


def test_a_writer_that_has_just_come_sees_what_is_published(opens: Open) -> None:
    opens().publish(note(7)) if not isinstance(opens(), SharedFolder) else _publish(opens)
    late = opens()
    late.prepare()
    with pytest.raises(LockLostError, match="larger"):
        late.publish(note(6))


def _publish(opens: Open) -> None:
    tiles = opens()
    tiles.prepare()
    tiles.publish(note(7))


def test_bytes_that_are_no_checkpoint_are_replaced() -> None:
    store = MemoryStore()
    store.put("checkpoint", b"somebody's hand")
    tiles = ObjectTiles(store)
    tiles.publish(note(3))
    assert tiles.fetch("checkpoint") == note(3)


@given(st.binary(max_size=300))
def test_any_bytes_have_a_size_or_none(data: bytes) -> None:
    assert size_of(data) == -1


def test_pending_and_signed_root_are_replaced_and_taken_away(opens: Open) -> None:
    tiles = opens()
    tiles.prepare()
    tiles.show_pending(None)
    for content in (b"one", b"two"):
        tiles.show_pending(content)
        tiles.put_signed_root(content)
        assert tiles.fetch("pending") == tiles.fetch("checkpoint.cose") == content
    tiles.show_pending(None)
    tiles.show_pending(None)
    with pytest.raises(MissingError):
        tiles.fetch("pending")


def test_partial_tiles_go_when_the_full_one_is_there_and_not_before(opens: Open) -> None:
    tiles = opens()
    tiles.prepare()
    full = Tile(0, 1)
    for width in (1, 2, 255):
        tiles.add(Tile(0, 1, width), bytes(32 * width))
    tiles.add(Tile(0, 0), bytes(32 * 256))
    tiles.add(Tile(0, 0, 17), bytes(32 * 17))
    tiles.sync()
    assert sorted(tiles.partial_widths(full)) == [1, 2, 255]
    tiles.drop_partials(full)
    assert sorted(tiles.partial_widths(full)) == [1, 2, 255]
    tiles.add(full, bytes(32 * 256))
    tiles.sync()
    tiles.drop_partials(full)
    tiles.drop_partials(full)
    assert list(tiles.partial_widths(full)) == []
    assert list(tiles.partial_widths(Tile(0, 0))) == [17]
    assert tiles.has(full)


def test_an_object_that_is_too_large_is_not_read() -> None:
    store = MemoryStore()
    store.put("tile/0/000", bytes(MAX_FILE_BYTES + 1))
    with pytest.raises(StorageError, match="larger than any file"):
        ObjectFetch(store)("tile/0/000")


def test_a_folder_keeps_what_another_writer_is_at_work_on(tmp_path: Path) -> None:
    first, second = SharedFolder(tmp_path), SharedFolder(tmp_path)
    first.prepare()
    young, old = tmp_path / "tmp/young", tmp_path / "tmp/old"
    for path in (young, old):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7_200,) * 2)
    second.prepare()
    assert young.exists()
    assert not old.exists()
    for tiles in (first, second):
        tiles.add(Tile(0, 0, 1), bytes(32))
        tiles.sync()


def test_a_publisher_that_stands_still_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet_backend.logstore.folder.WAIT_S", 0.05)
    first, second = SharedFolder(tmp_path), SharedFolder(tmp_path)
    first.prepare()
    with first._alone(), pytest.raises(LockLostError, match="is publishing"):
        second.publish(note(1))
    second.publish(note(1))
