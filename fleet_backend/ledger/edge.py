"""The right edge of the tree: all that a writer or an auditor has to remember.

Pure. For each level the hashes of the partial tile, at most 255; memory does not grow with the log.
"""

from collections.abc import Iterator, Sequence

from .merkle import EMPTY_ROOT, root_of
from .tile import HEIGHT, WIDTH, Tile


class RightEdge:
    """Hashes of the partial tiles of a tree; grows by leaf hashes and hands out finished tiles."""

    def __init__(self, levels: Sequence[Sequence[bytes]] = ()) -> None:
        self._levels = [list(hashes) for hashes in levels]

    @property
    def size(self) -> int:
        """Leaves of the tree. Full tiles leave the edge but are counted one level up."""
        return sum(len(hashes) << (HEIGHT * level) for level, hashes in enumerate(self._levels))

    def copy(self) -> "RightEdge":
        return RightEdge(self._levels)

    def hashes(self, level: int) -> Sequence[bytes]:
        """Hashes of the partial tile of `level`."""
        return self._levels[level] if level < len(self._levels) else ()

    def root(self) -> bytes:
        """Root of the tree; an incomplete level hangs to the right of the next one."""
        root: bytes | None = None
        for hashes in self._levels:
            siblings = hashes if root is None else [*hashes, root]
            if siblings:
                root = root_of(siblings)
        return EMPTY_ROOT if root is None else root

    def extend(self, leaf_hashes: Sequence[bytes]) -> Iterator[tuple[Tile, bytes]]:
        """Add leaves and yield each tile that changed, full ones as they fill, then partial ones.

        The edge is complete only after the last tile was taken.
        """
        changed: set[int] = set()
        for at in range(0, len(leaf_hashes), WIDTH):
            yield from self._add(0, leaf_hashes[at : at + WIDTH], changed)
        size = self.size
        for level in sorted(changed):
            if hashes := self._levels[level]:
                index = (size >> (HEIGHT * level)) // WIDTH
                yield Tile(level, index, len(hashes)), b"".join(hashes)

    def extend_full(self, roots: Sequence[bytes]) -> Iterator[tuple[Tile, bytes]]:
        """Add full tiles of level 0 by their roots, while no leaf stands alone; yields full tiles.

        For whoever checked the leaves elsewhere and hands in one hash for 256 of them.
        """
        if self.hashes(0):
            raise ValueError("leaves stand at the right edge: full tiles cannot follow them")
        if not self._levels:
            self._levels.append([])
        for at in range(0, len(roots), WIDTH):
            yield from self._add(1, roots[at : at + WIDTH], set())

    def _add(
        self, level: int, hashes: Sequence[bytes], changed: set[int]
    ) -> Iterator[tuple[Tile, bytes]]:
        if level == len(self._levels):
            self._levels.append([])
        changed.add(level)
        held = self._levels[level]
        index = (self.size >> (HEIGHT * level)) // WIDTH
        room = WIDTH - len(held)
        held.extend(hashes[:room])
        if len(held) < WIDTH:
            return
        yield Tile(level, index), b"".join(held)
        full_root = root_of(held)
        self._levels[level] = list(hashes[room:])
        yield from self._add(level + 1, [full_root], changed)
