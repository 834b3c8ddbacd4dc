"""Files of a log's folder that the walk from the checkpoint does not touch.

Partial tiles of earlier sizes may stay: each must be the beginning of what followed it. Whatever
lies beyond the checkpoint, or is no file of a log, is named.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from .bundlecheck import Fault, load, load_exactly
from .checkpoint import Checkpoint
from .edge import RightEdge
from .errors import MissingError, TileError
from .storage import CHECKPOINT, PENDING, SIGNED_ROOT
from .tile import ENTRIES, WIDTH, Tile, parse_path, partial_tiles, width_at
from .treefiles import Fetch


def stray_faults(
    fetch: Fetch, paths: Iterable[str], checkpoint: Checkpoint, is_proved: Callable[[str], bool]
) -> Iterator[tuple[Fault, int]]:
    """Faults of files that `checkpoint` does not use, each with the size that would explain it.

    That size is 0 where no size does; otherwise a newer checkpoint of at least this size, pending
    or published meanwhile, means that the file is in its place. Nothing is held against a tile that
    is not proved itself.
    """
    for path in paths:
        if path in (CHECKPOINT, PENDING, SIGNED_ROOT):
            continue
        try:
            tile = parse_path(path)
        except TileError:
            yield Fault(path, "is no file of a log"), 0
            continue
        width = width_at(tile.level, tile.index, checkpoint.size)
        if tile.width > width:
            yield _beyond(tile, checkpoint), _size_with(tile)
        elif tile.width < width:
            above = load(fetch, Tile(max(tile.level, 0), tile.index, width))
            if is_proved(above.path):
                older = older_faults(fetch, tile, above.hashes or ())
                yield from ((fault, 0) for fault in older)


def probe_beyond(fetch: Fetch, checkpoint: Checkpoint) -> Iterator[tuple[Fault, int]]:
    """The same where files cannot be listed: two requests.

    A full tile is never deleted, and a log that was rolled back across one has it still.
    """
    for level in (ENTRIES, 0):
        tile = Tile(level, checkpoint.size // WIDTH)
        try:
            fetch(tile.path)
        except MissingError:
            continue
        yield _beyond(tile, checkpoint), _size_with(tile)


def probe_older(fetch: Fetch, edge: RightEdge) -> Iterator[Fault]:
    """Faults of earlier sizes' partial tiles at the right edge: up to 255 requests a level."""
    for last in partial_tiles(edge.size):
        hashes = edge.hashes(last.level)
        for width in range(1, last.width):
            yield from older_faults(fetch, Tile(last.level, last.index, width), hashes)
            if last.level == 0:
                yield from older_faults(fetch, Tile(ENTRIES, last.index, width), hashes)


def older_faults(fetch: Fetch, tile: Tile, now: Sequence[bytes]) -> Iterator[Fault]:
    """An earlier size's file may be gone; if not, it must be the beginning of `now`."""
    found = load_exactly(fetch, tile)
    if found is None:
        return
    if found.hashes is None:
        yield Fault(tile.path, found.why)
    elif found.hashes != list(now[: tile.width]):
        yield Fault(tile.path, "is not the beginning of what followed it")


def _beyond(tile: Tile, checkpoint: Checkpoint) -> Fault:
    words = (
        f"lies beyond the {checkpoint.size} entries of the checkpoint: a batch that was not "
        "finished, or a log that was rolled back"
    )
    return Fault(tile.path, words)


def _size_with(tile: Tile) -> int:
    """Smallest size of a log that has this tile."""
    return (tile.index * WIDTH + tile.width) << (8 * max(tile.level, 0))
