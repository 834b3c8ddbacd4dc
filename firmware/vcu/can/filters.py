"""Filters for the identifiers that are needed, as few as the controller has."""

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcu.can.shape import Filter

_ALL = 0x7FF


def cover(identifiers: "tuple[int, ...]", most: int) -> "list[Filter]":
    """Each identifier passes; where filters are short, so do some that were not asked for.

    Merges the pair whose common filter lets the fewest identifiers pass, until it fits.
    """
    filters = [(identifier, _ALL, 0) for identifier in identifiers]
    while len(filters) > most:
        best = None
        for i in range(len(filters)):
            for k in range(i):
                merged = _merge(filters[i], filters[k])
                if best is None or _width(merged[1]) < _width(best[0][1]):
                    best = (merged, i, k)
        if best is None:
            return []  # a controller without filters
        merged, i, k = best
        del filters[i]
        filters[k] = merged
    return filters


def _merge(one: "Filter", other: "Filter") -> "Filter":
    mask = one[1] & other[1] & ~(one[0] ^ other[0])
    return one[0] & mask, mask, 0


def _width(mask: int) -> int:
    # Bits that the filter does not look at.
    free = ~mask & _ALL
    count = 0
    while free:
        count += free & 1
        free >>= 1
    return count
