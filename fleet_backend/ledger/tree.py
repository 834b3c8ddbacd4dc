"""A tree as its files tell it, each tile proved up to a signed root before a hash of it is used.

Refuses a tile that is not the one the root stands for: a level-0 tile by itself proves nothing.
"""

from .bundle import decode_bundle
from .checkpoint import Checkpoint
from .errors import BundleError, ProofError, TileError
from .merkle import EMPTY_ROOT, leaf_hash, node_hash, root_of, split_point
from .tile import ENTRIES, HEIGHT, WIDTH, Tile, width_at
from .treefiles import Fetch, fetch_entries, fetch_hashes, load_edge

MAX_CACHED_TILES = 64


class ProvedTree:
    """Hashes and entries of the tree that `checkpoint` signs. Holds a bounded number of tiles."""

    def __init__(self, fetch: Fetch, checkpoint: Checkpoint) -> None:
        """Fetches the right edge. Raises TileError unless it gives the signed root."""
        self.checkpoint = checkpoint
        self._fetch = fetch
        self._edge = load_edge(fetch, checkpoint.size)
        if self._edge.root() != checkpoint.root:
            raise TileError(f"the tiles at size {checkpoint.size} do not give the signed root")
        self._tiles: dict[tuple[int, int], list[bytes]] = {}
        self._bundle: tuple[int, list[bytes]] = (-1, [])

    def hashes(self, level: int, index: int) -> list[bytes]:
        """Hashes of tile `index` of `level`, proved.

        A partial tile is part of the right edge, which was tied to the root; a full one must hash
        to its place in the tile above, which is proved in the same way.
        """
        size = self.checkpoint.size
        width = width_at(level, index, size)
        if width == 0:
            raise TileError(f"a tree of size {size} has no tile {index} on level {level}")
        if width < WIDTH:
            return list(self._edge.hashes(level))
        found = self._tiles.get((level, index))
        return self._prove(Tile(level, index)) if found is None else found

    def _prove(self, tile: Tile) -> list[bytes]:
        hashes = fetch_hashes(self._fetch, tile)
        above = self.hashes(tile.level + 1, tile.index // WIDTH)
        if root_of(hashes) != above[tile.index % WIDTH]:
            raise TileError(f"{tile.path} is not the tile that the checkpoint stands for")
        if len(self._tiles) >= MAX_CACHED_TILES:
            del self._tiles[next(iter(self._tiles))]
        self._tiles[(tile.level, tile.index)] = hashes
        return hashes

    def range_hash(self, low: int, high: int) -> bytes:
        """Hash of the leaves `low` to `high` - 1 where RFC 6962 makes a subtree of them."""
        width = high - low
        if width & (width - 1):
            middle = low + split_point(width)
            return node_hash(self.range_hash(low, middle), self.range_hash(middle, high))
        level, height = divmod(width.bit_length() - 1, HEIGHT)
        first = low >> (HEIGHT * level)
        at = first % WIDTH
        return root_of(self.hashes(level, first // WIDTH)[at : at + (1 << height)])

    def root_at(self, size: int) -> bytes:
        """Root that the log had at an earlier size. Raises ProofError for a later one."""
        if not 0 <= size <= self.checkpoint.size:
            raise ProofError(f"the tree has {self.checkpoint.size} leaves, not {size}")
        return self.range_hash(0, size) if size else EMPTY_ROOT

    def leaf(self, index: int) -> bytes:
        """Leaf hash of entry `index`."""
        self._require(index)
        return self.hashes(0, index // WIDTH)[index % WIDTH]

    def entry(self, index: int) -> bytes:
        """Entry `index`. Raises BundleError unless its whole bundle hashes to the tile."""
        self._require(index)
        number = index // WIDTH
        if self._bundle[0] != number:
            width = width_at(ENTRIES, number, self.checkpoint.size)
            tile = Tile(ENTRIES, number, width)
            entries = fetch_entries(self._fetch, tile)
            if list(map(leaf_hash, entries)) != self.hashes(0, number):
                raise BundleError(f"{tile.path} does not hash to its tile")
            self._bundle = (number, entries)
        return self._bundle[1][index % WIDTH]

    def leaves_of(self, bundle: Tile, data: bytes) -> list[bytes]:
        """Leaf hashes of a bundle's bytes. Raises BundleError unless they are what was signed.

        Its own tile of level 0 is not needed: the bundle's root stands in the tile above.
        """
        leaves = list(map(leaf_hash, decode_bundle(data, bundle.width)))
        if bundle.is_full:
            above = self.hashes(1, bundle.index // WIDTH)
            is_proved = root_of(leaves) == above[bundle.index % WIDTH]
        else:
            is_proved = leaves == self.hashes(0, bundle.index)
        if not is_proved:
            raise BundleError(f"{bundle.path} is not what the checkpoint stands for")
        return leaves

    def _require(self, index: int) -> None:
        if not 0 <= index < self.checkpoint.size:
            raise ProofError(f"no entry {index} in a log of size {self.checkpoint.size}")
