"""Makes everything up to the signed size whole, whatever the last writer was at when it ended."""

from .checkpoint import SignedCheckpoint
from .contracts import LogPlace
from .edge import RightEdge
from .publication import Publication
from .recovery import (
    Keys,
    load_published,
    load_right_edge,
    require_continuous,
    require_nothing_beyond,
)
from .wal import Batch


def settle(
    place: LogPlace, keys: Keys, public: Publication, signed: SignedCheckpoint
) -> tuple[RightEdge, list[bytes], list[Batch]]:
    """Within `hold`: right edge and last bundle at `signed`, and the batches that come after it.

    Raises LogCorruptError where files, order and checkpoint do not tell one story.
    """
    tiles, order = place.tiles, place.order
    tiles.prepare()
    published = load_published(tiles, keys, signed.size)
    edge, bundle, tree = load_right_edge(tiles, signed)
    since, pending = signed.size, []
    for batch in order.read():
        since = min(since, batch.first)
        if batch.end > signed.size:
            pending.append(batch)
    require_continuous(signed.size, pending)
    require_nothing_beyond(tiles, pending[-1].end if pending else signed.size)
    public.settle(published, tree)
    public.follow(signed, since)
    # The batches reach the disk anew: had their fsync failed, the kernel might hold pages that it
    # takes for written.
    order.rewrite(pending)
    return edge, bundle, pending
