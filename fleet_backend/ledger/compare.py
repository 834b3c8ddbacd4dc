"""Do several views of one log go together? Two views that do not are proof of two histories.

A view is a signed checkpoint, with or without the files behind it. The one with the most entries
and with files is the measure; what it says of earlier sizes is proved up to its checkpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .checkpoint import SignedCheckpoint
from .errors import ConfigError
from .evidence import Evidence, find_contradiction
from .merkle import consistency_proof
from .tree import ProvedTree
from .treefiles import Fetch

MEASURE, SAME, OLDER, FORK, UNKNOWN = "measure", "same", "older", "FORK", "unknown"


@dataclass(frozen=True)
class View:
    """What one source shows of a log; `fetch` where it has tiles."""

    name: str
    checkpoint: SignedCheckpoint
    fetch: Fetch | None


@dataclass(frozen=True)
class Relation:
    """How a view goes together with the measure; `other` is whom it contradicts, with evidence."""

    view: View
    verdict: str
    other: View
    evidence: Evidence | None = None


def compare_views(views: Sequence[View]) -> list[Relation]:
    """Relation of each view, in the order given. Raises ConfigError (not one log), LedgerError
    where the measure's own files do not hold.
    """
    origins = {view.checkpoint.origin for view in views}
    if len(origins) != 1:
        raise ConfigError(f"not views of one log: {', '.join(sorted(origins))}")
    with_files = [view for view in views if view.fetch is not None]
    measure = max(with_files or views, key=lambda view: view.checkpoint.size)
    tree = None
    if measure.fetch is not None:
        tree = ProvedTree(measure.fetch, measure.checkpoint)
    return [_relate(view, measure, tree, views) for view in views]


def _relate(view: View, measure: View, tree: ProvedTree | None, views: Sequence[View]) -> Relation:
    seen, held = view.checkpoint, measure.checkpoint
    if view is measure:
        return Relation(view, MEASURE, measure)
    for other in (measure, *views):
        if other.checkpoint.size == seen.size and other.checkpoint.root != seen.root:
            return _fork(view, other)
    if seen.size == held.size:
        return Relation(view, SAME, measure)
    if seen.size > held.size or tree is None:
        return Relation(view, UNKNOWN, measure)
    if tree.root_at(seen.size) == seen.root:
        return Relation(view, OLDER, measure)
    return _fork(view, measure, consistency_proof(seen.size, held.size, tree.range_hash))


def _fork(view: View, other: View, proof: Sequence[bytes] = ()) -> Relation:
    evidence = find_contradiction(other.checkpoint, view.checkpoint, proof)
    return Relation(view, FORK, other, evidence)
