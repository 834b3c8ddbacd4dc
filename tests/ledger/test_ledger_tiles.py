"""Tile paths, and exactly which files a log of a given size consists of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_tools import check_log, entries_of, files_of, new_log

from fleet_backend.ledger.bundle import decode_bundle, encode_bundle
from fleet_backend.ledger.errors import BundleError, EntryError, TileError
from fleet_backend.ledger.tile import ENTRIES, Tile, parse_path, partial_tiles, width_at


def expected_files(size: int) -> set[str]:
    """From the specification's words: floor(size / 256^l) hashes on level l, in tiles of 256."""
    files = {"checkpoint"}
    level, hashes = 0, size
    while hashes:
        full, rest = divmod(hashes, 256)
        for kind in ("0", "entries") if level == 0 else (str(level),):
            files |= {f"tile/{kind}/{number:03d}" for number in range(full)}
            if rest:
                files.add(f"tile/{kind}/{full:03d}.p/{rest}")
        level, hashes = level + 1, full
    return files


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 513, 65_535, 65_536, 65_537, 70_000])
def test_files_of_a_log_that_grew_at_once(tmp_path, size):
    """At most one batch of the largest size, and what is left: no partial tile in between."""
    entries = entries_of(size)
    with new_log(tmp_path, entries[:65_536]) as writer:
        writer.append(entries[65_536:])
    assert files_of(tmp_path) == expected_files(size)


def test_files_of_a_log_that_grew_entry_by_entry(tmp_path):
    """Each signed size keeps its partial tiles until the full tile is there."""
    with new_log(tmp_path, entries_of(253)) as writer:
        for number in range(253, 257):
            writer.append([b"entry %d" % number])
            older = {f"tile/{kind}/000.p/{size}" for kind in ("0", "entries")
                     for size in range(253, number + 1)}  # fmt: skip
            due = expected_files(number + 1) | (older if number < 255 else set())
            assert files_of(tmp_path) == due


def test_files_over_the_second_level(tmp_path):
    entries = entries_of(70_000)
    with new_log(tmp_path) as writer:
        for size in (65_535, 65_536, 65_537, 70_000):
            while writer.size < size:
                writer.append(entries[writer.size : min(size, writer.size + 60_000)])
            dropped = {name for name in files_of(tmp_path) if ".p/" in name}
            current = {name for name in expected_files(size) if ".p/" in name}
            full = {name for name in files_of(tmp_path) if ".p/" not in name}
            assert full == expected_files(size) - current
            assert current <= dropped
            # A partial tile of an earlier size may be there only while its full tile is not.
            assert not {name.split(".p/")[0] for name in dropped} & full
    assert check_log(tmp_path, {}) == entries


def test_published_example_of_a_path():
    assert Tile(0, 1_234_067).path == "tile/0/x001/x234/067"
    assert parse_path("tile/0/x001/x234/067") == Tile(0, 1_234_067)


def test_published_example_of_a_size():
    assert partial_tiles(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert [width_at(0, index, 70_000) for index in (272, 273, 274)] == [256, 112, 0]


@given(st.integers(-1, 63), st.integers(0, (1 << 63) - 1), st.integers(1, 256))
def test_paths_round_trip(level, index, width):
    tile = Tile(level, index, width)
    assert parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    ["", "checkpoint", "tile", "tile/0", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/0",
     "tile/0/0000", "tile/0/x000/000", "tile/0/x001/x000", "tile/0/001/000", "tile/0/000.p/0",
     "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p", "tile/0/000/",
     "/tile/0/000", "tile/0/../0/000", "tile/0/000\n", "tile/0/٠٠٠", "tile/entries/x/000",
     "tile/Entries/000", "tile/0/x999/x999/x999/x999/x999/x999/x999/999", "tile/0/000" * 99],
)  # fmt: skip
def test_other_spellings_of_a_path_are_refused(path):
    with pytest.raises(TileError):
        parse_path(path)


@pytest.mark.parametrize("numbers", [(-2, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_tiles_that_do_not_exist_are_refused(numbers):
    with pytest.raises(TileError):
        Tile(*numbers)


def test_bundle_decodes_whole_and_not_otherwise():
    entries = [b"", b"a", bytes(65_535)]
    data = encode_bundle(entries)
    assert decode_bundle(data, 3) == entries
    short = encode_bundle(entries[:2])
    for length in range(len(short)):
        with pytest.raises(BundleError):
            decode_bundle(short[:length], 2)
    for wrong, count in ((data + b"\0", 3), (data, 2), (data, 4), (b"", 1), (b"\0", 0)):
        with pytest.raises(BundleError):
            decode_bundle(wrong, count)
    with pytest.raises(EntryError):
        encode_bundle([bytes(65_536)])
    assert Tile(ENTRIES, 0).path == "tile/entries/000"
