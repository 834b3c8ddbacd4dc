"""Between the tree and its files: which files a batch makes, and what the files say of the tree.

Refuses files that do not agree with one another, level by level.
"""

from collections.abc import Callable, Iterator, Sequence

from .bundle import decode_bundle, encode_bundle
from .edge import RightEdge
from .errors import LogCorruptError, MissingError
from .merkle import HASH_SIZE, leaf_hash, root_of
from .tile import ENTRIES, HEIGHT, WIDTH, Tile, partial_tiles, split_hashes

Fetch = Callable[[str], bytes]
"""`fetch(path)` gives the bytes of `checkpoint` or a tile path, or raises MissingError."""


def bundle_files(first: int, entries: Sequence[bytes]) -> Iterator[tuple[Tile, bytes]]:
    """Bundles of `entries`, the first of which begins bundle `first`."""
    for at in range(0, len(entries), WIDTH):
        held = entries[at : at + WIDTH]
        yield Tile(ENTRIES, first + at // WIDTH, len(held)), encode_bundle(held)


def fetch_hashes(fetch: Fetch, tile: Tile) -> list[bytes]:
    """Hashes of a tile, not proved. A partial tile that is gone is the full one's beginning."""
    try:
        return split_hashes(fetch(tile.path), tile.width)
    except MissingError:
        if tile.is_full:
            raise
    return split_hashes(fetch(tile.full.path), WIDTH)[: tile.width]


def fetch_entries(fetch: Fetch, tile: Tile) -> list[bytes]:
    """Entries of a bundle, not proved. Falls back to the full bundle as `fetch_hashes` does."""
    try:
        return decode_bundle(fetch(tile.path), tile.width)
    except MissingError:
        if tile.is_full:
            raise
    return decode_bundle(fetch(tile.full.path), WIDTH)[: tile.width]


def fetch_bundle(fetch: Fetch, tile: Tile) -> bytes:
    """Bytes of a bundle of exactly these entries, not proved; falls back in the same way."""
    return encode_bundle(fetch_entries(fetch, tile))


def load_edge(fetch: Fetch, size: int) -> RightEdge:
    """Right edge at `size`, not proved: compare its root with a signed one."""
    levels: list[list[bytes]] = [[] for _ in range((size.bit_length() + HEIGHT - 1) // HEIGHT)]
    for tile in partial_tiles(size):
        levels[tile.level] = fetch_hashes(fetch, tile)
    return RightEdge(levels)


def load_last_bundle(fetch: Fetch, size: int) -> list[bytes]:
    """Entries of the partial bundle at `size`; none where the last bundle is full."""
    if size % WIDTH == 0:
        return []
    return fetch_entries(fetch, Tile(ENTRIES, size // WIDTH, size % WIDTH))


def read_back(fetch: Fetch, written: Sequence[Tile], before: RightEdge, size: int) -> bytes:
    """Root at `size` out of the bytes of the files that were just written.

    Every bundle must hash to its tile and every full tile to its place one level up. Levels that
    the batch did not touch come from the edge `before` it. Raises LogCorruptError.
    """
    hashes = {(tile.level, tile.index): _hashes_of(fetch, tile) for tile in written}
    for (level, index), found in hashes.items():
        if level == ENTRIES:
            due = hashes[(0, index)]
        elif len(found) == WIDTH:
            found = [root_of(found)]
            due = [hashes[(level + 1, index // WIDTH)][index % WIDTH]]
        else:
            continue
        if found != due:
            raise LogCorruptError(f"read back: {level}/{index} does not hash to the level above")
    levels: list[Sequence[bytes]] = []
    while complete := size >> (HEIGHT * len(levels)):
        place = (len(levels), complete // WIDTH)
        kept = before.hashes(len(levels)) if complete % WIDTH else ()
        levels.append(hashes.get(place, kept))
    return RightEdge(levels).root()


def _hashes_of(fetch: Fetch, tile: Tile) -> list[bytes]:
    data = fetch(tile.path)
    if tile.level == ENTRIES:
        return list(map(leaf_hash, decode_bundle(data, tile.width)))
    if len(data) != tile.width * HASH_SIZE:
        raise LogCorruptError(f"read back: {tile.path} has {len(data)} bytes")
    return split_hashes(data, tile.width)
