"""Coordinates and paths of C2SP tlog-tiles, and the tiles' bytes.

A path is refused unless it is the one spelling that the specification allows, so a path that
parses is also safe to join to a folder.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import TileError
from .merkle import HASH_SIZE

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_LEVEL = 63
MAX_SIZE = (1 << 63) - 1
ENTRIES = -1  # level number under which bundles are addressed beside the tiles
MAX_PATH_CHARS = 64

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, order=True)
class Tile:
    """Tile `index` of `level` (`ENTRIES` for a bundle) with `width` hashes or entries."""

    level: int
    index: int
    width: int = WIDTH

    def __post_init__(self) -> None:
        if not (
            ENTRIES <= self.level <= MAX_LEVEL
            and 0 <= self.index <= MAX_SIZE
            and 1 <= self.width <= WIDTH
        ):
            raise TileError(f"no such tile: {self.level}, {self.index}, {self.width}")

    @property
    def is_full(self) -> bool:
        return self.width == WIDTH

    @property
    def full(self) -> "Tile":
        """The full tile at the same place."""
        return Tile(self.level, self.index)

    @property
    def path(self) -> str:
        """`tile/<L>/<N>[.p/<W>]`."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        suffix = "" if self.is_full else f".p/{self.width}"
        return f"tile/{level}/{_index_path(self.index)}{suffix}"


def _index_path(index: int) -> str:
    parts = [f"{index % 1000:03d}"]
    while index := index // 1000:
        parts.append(f"x{index % 1000:03d}")
    return "/".join(reversed(parts))


def parse_path(path: str) -> Tile:
    """Tile that a path names. Raises TileError for any other spelling of it."""
    match = _PATH.fullmatch(path) if len(path) <= MAX_PATH_CHARS else None
    if match is None:
        raise TileError(f"not the path of a tile: {path[:MAX_PATH_CHARS]!r}")
    level = ENTRIES if match["level"] == "entries" else int(match["level"])
    width = int(match["width"]) if match["width"] else WIDTH
    if match["width"] and width == WIDTH:
        raise TileError(f"a partial tile has at most 255 hashes: {path!r}")
    tile = Tile(level, int(match["index"].replace("x", "").replace("/", "")), width)
    if tile.path != path:
        raise TileError(f"not the shortest path of a tile: {path!r}")
    return tile


def width_at(level: int, index: int, size: int) -> int:
    """Hashes that tile `index` of `level` holds in a tree of `size`; 0 where it does not exist."""
    complete = size >> (HEIGHT * max(level, 0))
    return max(0, min(WIDTH, complete - index * WIDTH))


def partial_tiles(size: int) -> list[Tile]:
    """The partial tiles of a tree of `size`, lowest level first, the bundle excluded."""
    tiles = []
    level = 0
    while complete := size >> (HEIGHT * level):
        if complete % WIDTH:
            tiles.append(Tile(level, complete // WIDTH, complete % WIDTH))
        level += 1
    return tiles


def filled_tiles(since: int, size: int) -> Iterator[Tile]:
    """Tiles and bundles that are full at `size` and were not, or were not there, at `since`."""
    for level in (ENTRIES, *range(MAX_LEVEL)):
        span = WIDTH << (HEIGHT * max(level, 0))
        if span > size:
            return
        for index in range(since // span, size // span):
            yield Tile(level, index)


def split_hashes(data: bytes, width: int) -> list[bytes]:
    """Hashes of a tile's bytes. Raises TileError unless there are exactly `width`."""
    if len(data) != width * HASH_SIZE:
        raise TileError(f"tile of {len(data)} bytes where {width * HASH_SIZE} are due")
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
