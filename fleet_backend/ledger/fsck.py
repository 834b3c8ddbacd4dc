"""The check of a whole log, and the one place where its rule stands.

Tiles are proved from the signed checkpoint downwards, bundles are held against them, and the tree
is built again from the entries upwards. So a fault gets a name: the file that is wrong, not the
files above it that merely do not fit. Memory does not grow with the log. `LedgerReader.audit` is
this check in one process, at its first fault.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .bundlecheck import Due, Fault, check_bundle, load
from .checkpoint import SignedCheckpoint
from .edge import RightEdge
from .errors import MissingError, StorageError, UntrustedDataError
from .parallel import Pool, Span
from .storage import CHECKPOINT
from .strays import probe_beyond, probe_older, stray_faults
from .tile import ENTRIES, WIDTH, Tile, partial_tiles
from .tree import ProvedTree
from .treefiles import Fetch

SPAN_BUNDLES = 64  # a unit of work: 16,384 entries, a few tenths of a second
MAX_FAULTS = 20
Progress = Callable[[int, int], None]
"""Called with the entries that were checked and those of the whole log."""


@dataclass(frozen=True)
class FsckSettings:
    """How a check is made; none of it changes what holds.

    `workers` processes (1: this one), `connections` requests in flight in each of them.
    Where files cannot be listed: `older_partials` asks for partial tiles of earlier sizes, `beyond`
    for tiles after the last one.
    """

    workers: int = 1
    connections: int = 1
    max_faults: int = MAX_FAULTS
    older_partials: bool = True
    beyond: bool = True


@dataclass
class FsckReport:
    """What was checked against `checkpoint`, and the first faults. Good if there are none."""

    checkpoint: SignedCheckpoint
    bundles: int = 0
    tiles: int = 0
    faults: list[Fault] = field(default_factory=list)
    complete: bool = True

    @property
    def is_good(self) -> bool:
        return not self.faults


def check_log(
    fetch: Fetch,
    signed: SignedCheckpoint,
    settings: FsckSettings | None = None,
    *,
    listing: Iterable[str] | None = None,
    newest: Callable[[], int] | None = None,
    progress: Progress | None = None,
) -> FsckReport:
    """Check every entry, bundle and tile of the log at `signed`, whose signature was verified.

    `listing` gives the paths of all files where they can be listed; `newest` the size of the newest
    checkpoint that the log signed, so that what it is just adding is no fault. Raises FetchError
    where a log cannot be reached; what is wrong with the log is in the report.
    """
    check = _Check(fetch, signed, settings or FsckSettings(), progress or _silent)
    check.run(listing, newest or (lambda: signed.size))
    return check.report


class _Enough(Exception):  # noqa: N818  (it is no error)
    """There are as many faults as somebody wanted to read."""


class _Check:
    def __init__(
        self, fetch: Fetch, signed: SignedCheckpoint, settings: FsckSettings, progress: Progress
    ) -> None:
        self._fetch = fetch
        self._settings = settings
        self._progress = progress
        self._edge = RightEdge()
        self._size = signed.size
        self.report = FsckReport(signed)
        try:
            self._tree: ProvedTree | None = ProvedTree(fetch, signed)
        except (MissingError, UntrustedDataError, StorageError):
            self._tree = None  # which file is wrong comes out when the tree was built again

    def run(self, listing: Iterable[str] | None, newest: Callable[[], int]) -> None:
        try:
            self._check_full_bundles()
            self._check_last_bundle()
            self._check_edge()
            self._check_strays(listing, newest)
        except _Enough:
            self.report.complete = False

    def _check_full_bundles(self) -> None:
        settings = self._settings
        with Pool(self._fetch, settings.workers, settings.connections) as pool:
            for span, result in pool.run(self._spans()):
                self._note(result.faults)
                self.report.bundles += len(span.dues)
                self.report.tiles += len(span.dues)
                for tile, data in self._edge.extend_full(result.roots):
                    self._compare(tile, data)
                self._progress((span.first + len(span.dues)) * WIDTH, self._size)

    def _spans(self) -> Iterator[Span]:
        """Units of work, each with the hashes that are due to its bundles."""
        full = self._size // WIDTH
        for above in range(-(-full // WIDTH)):
            dues = self._dues(1, above, min(WIDTH, full - above * WIDTH))
            for at in range(0, len(dues), SPAN_BUNDLES):
                yield Span(above * WIDTH + at, tuple(dues[at : at + SPAN_BUNDLES]))

    def _dues(self, level: int, index: int, width: int) -> list[Due]:
        """What tile `index` of `level` has for the places below it."""
        if self._tree is not None:
            try:
                return [Due(item, True) for item in self._tree.hashes(level, index)]
            except (MissingError, UntrustedDataError, StorageError):
                pass  # it is compared with what is below it when that was built again
        hints = load(self._fetch, Tile(level, index, width)).hashes
        return [Due(item, False) for item in hints or (None,) * width]

    def _check_last_bundle(self) -> None:
        width = self._size % WIDTH
        if not width:
            return
        index = self._size // WIDTH
        due = Due(None, False)
        for level in (ENTRIES, 0):
            # One of the two that completes the signed root is proved by it.
            found = load(self._fetch, Tile(level, index, width))
            if found.hashes and self._with(found.hashes).root() == self.report.checkpoint.root:
                due = Due(found.root, True)
        hashes, faults = check_bundle(self._fetch, index, width, due)
        self._note(faults)
        self.report.bundles += 1
        self._edge = self._with(hashes)
        self._progress(self._size, self._size)

    def _with(self, hashes: list[bytes]) -> RightEdge:
        """The edge with the leaves of its partial tile."""
        edge = self._edge.copy()
        for _ in edge.extend(hashes):
            pass  # one partial tile, which is compared with the others
        return edge

    def _check_edge(self) -> None:
        for tile in partial_tiles(self._edge.size):
            if tile.level:
                self._compare(tile, b"".join(self._edge.hashes(tile.level)))
            else:
                self.report.tiles += 1  # together with its bundle
        if self._edge.root() != self.report.checkpoint.root and not self.report.faults:
            words = f"does not sign this tree: {self._size} entries give another root"
            self._note([Fault(CHECKPOINT, words)])

    def _compare(self, tile: Tile, data: bytes) -> None:
        """A tile above level 0, with what was built from below."""
        found = load(self._fetch, tile)
        self.report.tiles += 1
        if found.hashes is None:
            self._note([Fault(found.path, found.why)])
        elif b"".join(found.hashes) != data:
            self._note([Fault(found.path, "does not hold the hashes of what is below it")])

    def _check_strays(self, listing: Iterable[str] | None, newest: Callable[[], int]) -> None:
        signed = self.report.checkpoint
        if listing is not None:
            wrong = {fault.path for fault in self.report.faults}
            rooted = self._edge.root() == signed.root
            is_proved = lambda path: rooted and path not in wrong  # noqa: E731
            self._note_unexplained(stray_faults(self._fetch, listing, signed, is_proved), newest)
            return
        if self._settings.beyond:
            self._note_unexplained(probe_beyond(self._fetch, signed), newest)
        if self._settings.older_partials and not self.report.faults:
            self._note(probe_older(self._fetch, self._edge))

    def _note_unexplained(
        self, found: Iterable[tuple[Fault, int]], newest: Callable[[], int]
    ) -> None:
        """Note what no checkpoint signed meanwhile explains; a batch may need a moment for that."""
        size = self._size
        left: list[tuple[Fault, int]] = []
        for fault, explained in found:
            if not explained:
                self._note([fault])
                continue
            size = newest() if explained > size else size
            if explained > size:
                left.append((fault, explained))
            if len(left) >= self._settings.max_faults:
                break
        size = newest() if left else size
        self._note(fault for fault, explained in left if explained > size)

    def _note(self, faults: Iterable[Fault]) -> None:
        known = {fault.path for fault in self.report.faults}
        for fault in faults:
            if fault.path not in known:
                self.report.faults.append(fault)
                known.add(fault.path)
            if len(self.report.faults) >= self._settings.max_faults:
                raise _Enough


def _silent(_done: int, _whole: int) -> None:
    pass


def default_workers(size: int, processors: int) -> int:
    """Processes that pay for their start: one for a log of a few spans."""
    return max(1, min(processors, size // (4 * SPAN_BUNDLES * WIDTH)))
