"""Distances between two near places, in integers that need no memory on a 32-bit board."""

_HALF_TURN = 1_800_000_000
_FULL_TURN = 3_600_000_000
_FAR_E7 = 1_000_000  # 11 km: what is farther is that far
_EXACT = 1 << 14


def distance_mm(lat_e7: int, lon_e7: int, other_lat_e7: int, other_lon_e7: int) -> int:
    """To a thousandth, and 0.3 % of cosine; from 11 km on in one direction it says 11 km."""
    east_e7 = other_lon_e7 - lon_e7
    if abs(east_e7) > _HALF_TURN:
        east_e7 += -_FULL_TURN if east_e7 > 0 else _FULL_TURN
    north_e7 = _bounded(other_lat_e7 - lat_e7)
    east_e7 = abs(_bounded(east_e7)) * cos_permille(lat_e7) // 1000
    # 1e-7 degree of latitude is 11.12 mm; 89/8 is that to 0.05 %.
    return hypot(abs(north_e7) * 89 // 8, east_e7 * 89 // 8)


def cos_permille(lat_e7: int) -> int:
    """Cosine by the rational approximation of Bhaskara, good to 0.0017 up to the poles."""
    square = (abs(lat_e7) // 100_000) ** 2  # of hundredths of a degree
    return (324_000_000 - 4 * square) // ((324_000_000 + square) // 1000)


def hypot(a: int, b: int) -> int:
    """Exact below 2^14; above, to the fourteen leading bits."""
    shift = 0
    while max(a, b) >> shift >= _EXACT:
        shift += 1
    return _root((a >> shift) ** 2 + (b >> shift) ** 2) << shift


def _root(square: int) -> int:
    guess = square
    better = (square + 1) // 2
    while better < guess:
        guess = better
        better = (guess + square // guess) // 2
    return guess


def _bounded(difference_e7: int) -> int:
    return max(-_FAR_E7, min(_FAR_E7, difference_e7))
