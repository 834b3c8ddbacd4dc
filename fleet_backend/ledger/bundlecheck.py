"""Is a bundle, and the tile of its leaf hashes, what the tile above stands for?

Pure but for `fetch`. Names the file that is wrong. A bundle and a tile that agree with one another
prove nothing: both are held against the hash above them, which was proved up to the checkpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .bundle import decode_bundle
from .errors import MissingError, StorageError, UntrustedDataError
from .merkle import leaf_hash, root_of
from .tile import ENTRIES, WIDTH, Tile, split_hashes
from .treefiles import Fetch


@dataclass(frozen=True)
class Fault:
    """A file of a log, by its path, and what is wrong with it."""

    path: str
    words: str

    def __str__(self) -> str:
        return f"{self.path} {self.words}"


@dataclass(frozen=True)
class Due:
    """The hash that the tile above has for a place; `None` where that tile cannot be read.

    Not `proved`: something above is damaged, and the hash is no more than a hint.
    """

    root: bytes | None
    proved: bool


@dataclass(frozen=True)
class Loaded:
    """Hashes out of one file; `None`, and `why`, where it gives none."""

    path: str
    hashes: list[bytes] | None
    why: str = ""

    @property
    def root(self) -> bytes | None:
        return None if self.hashes is None else root_of(self.hashes)


def load(fetch: Fetch, tile: Tile) -> Loaded:
    """Hashes of a tile, or leaf hashes of a bundle. A partial one that is gone is read from the
    full one.
    """
    found = load_exactly(fetch, tile)
    if found is None and not tile.is_full:
        found = load_exactly(fetch, tile.full, tile.width)
    return found or Loaded(tile.path, None, "is missing")


def load_exactly(fetch: Fetch, tile: Tile, wanted: int = WIDTH) -> Loaded | None:
    """The first `wanted` hashes of this very file; None where it is not there."""
    try:
        data = fetch(tile.path)
        if tile.level == ENTRIES:
            return Loaded(tile.path, list(map(leaf_hash, decode_bundle(data, tile.width)[:wanted])))
        return Loaded(tile.path, split_hashes(data, tile.width)[:wanted])
    except MissingError:
        return None
    except (UntrustedDataError, StorageError) as error:
        return Loaded(tile.path, None, f"cannot be used: {error}")


def check_bundle(fetch: Fetch, index: int, width: int, due: Due) -> tuple[list[bytes], list[Fault]]:
    """Leaf hashes to build upon (as good as can be told; may be empty), and the faults."""
    bundle = load(fetch, Tile(ENTRIES, index, width))
    tile = load(fetch, Tile(0, index, width))
    if (
        bundle.hashes is not None
        and bundle.hashes == tile.hashes
        and (not due.proved or root_of(bundle.hashes) == due.root)
    ):
        return bundle.hashes, []
    return _judge(index, bundle, tile, due)


def check_bundles(fetch: Fetch, first: int, dues: Sequence[Due]) -> tuple[list[bytes], list[Fault]]:
    """Full bundles from `first` on: the root of each, and the faults."""
    roots: list[bytes] = []
    faults: list[Fault] = []
    for index, due in enumerate(dues, start=first):
        hashes, found = check_bundle(fetch, index, WIDTH, due)
        # What is proved needs no second hashing; where a file is at fault even a hint is better.
        stands = due.root if due.proved or found else None
        roots.append(root_of(hashes) if stands is None else stands)
        faults += found
    return roots, faults


def _judge(index: int, bundle: Loaded, tile: Loaded, due: Due) -> tuple[list[bytes], list[Fault]]:
    good = {
        item.path for item in (bundle, tile) if item.hashes is not None and item.root == due.root
    }
    faults = [Fault(item.path, item.why) for item in (bundle, tile) if item.hashes is None]
    for item, other in ((bundle, tile), (tile, bundle)):
        if item.hashes is None or item.path in good:
            continue
        if other.path in good:
            faults.append(Fault(item.path, _difference(index, item, other)))
        elif due.proved:
            faults.append(Fault(item.path, "is not what the checkpoint stands for"))
    if not good and not faults:
        words = "does not agree with {}: one of them is wrong, and so is a tile above them"
        faults = [
            Fault(item.path, words.format(other.path))
            for item, other in ((bundle, tile), (tile, bundle))
        ]
    best = tile if tile.path in good else bundle
    return best.hashes or tile.hashes or [], faults


def _difference(index: int, wrong: Loaded, right: Loaded) -> str:
    pairs = zip(wrong.hashes or (), right.hashes or (), strict=True)
    places = [at for at, (one, other) in enumerate(pairs) if one != other]
    what = "holds another entry" if wrong.path.startswith("tile/entries") else "holds another hash"
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    return f"{what} {index * WIDTH + places[0]} than the checkpoint stands for{more}"
