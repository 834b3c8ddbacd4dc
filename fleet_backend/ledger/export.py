"""A log, or a range of it, as files that stand alone: every one proved before it is handed out."""

from collections.abc import Iterator

from .errors import ProofError
from .tile import ENTRIES, HEIGHT, WIDTH, Tile, partial_tiles, width_at
from .tree import ProvedTree
from .treefiles import Fetch, fetch_bundle


def export_files(
    fetch: Fetch, tree: ProvedTree, start: int, stop: int
) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of each file by which a reader proves the entries `start` to `stop` - 1.

    Their bundles and tiles, all tiles above them, and the right edge; the whole range gives the
    whole log. The checkpoint is the caller's to add. Raises ProofError for a range beyond the log.
    """
    signed = tree.checkpoint
    if not 0 <= start <= stop <= signed.size:
        raise ProofError(f"no entries {start} to {stop} in a log of size {signed.size}")
    for tile in _tiles(signed.size, start, stop):
        yield tile.path, b"".join(tree.hashes(tile.level, tile.index))
    for tile in _level(ENTRIES, signed.size, start, stop):
        data = fetch_bundle(fetch, tile)
        tree.leaves_of(tile, data)
        yield tile.path, data


def _tiles(size: int, start: int, stop: int) -> Iterator[Tile]:
    yield from partial_tiles(size)
    level = 0
    while size >> (HEIGHT * level):
        for tile in _level(level, size, start, stop):
            if tile.is_full:
                yield tile
        level += 1


def _level(level: int, size: int, start: int, stop: int) -> Iterator[Tile]:
    """Tiles of a level above the entries of a range, or their bundles."""
    if start == stop:
        return
    span = WIDTH << (HEIGHT * max(level, 0))
    for index in range(start // span, (stop - 1) // span + 1):
        if width := width_at(level, index, size):
            yield Tile(level, index, width)
