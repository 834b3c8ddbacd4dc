"""Curve25519 in its Edwards form on plain integers, for signatures that nobody makes by accident.

RFC 8032 section 5.1. Slow, and not for secrets: it makes the edge cases of the signature tests.
"""

from hashlib import sha512

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
_ROOT = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]
ZERO: Point = (0, 1)


def add(one: Point, other: Point) -> Point:
    """The complete addition law."""
    (x1, y1), (x2, y2) = one, other
    cross = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + cross, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - cross, -1, P)
    return x % P, y % P


def times(scalar: int, point: Point) -> Point:
    out = ZERO
    while scalar:
        if scalar & 1:
            out = add(out, point)
        point = add(point, point)
        scalar >>= 1
    return out


def x_of(y: int, odd: int) -> int | None:
    """The x of a point with this y; None where there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * _ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if x % 2 != odd and x else x


def encode(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


_BASE_Y = 4 * pow(5, -1, P) % P
BASE: Point = (x_of(_BASE_Y, 0) or 0, _BASE_Y)


def torsion() -> list[Point]:
    """The eight points of small order: multiples of one of order 8."""
    y = 2
    while True:
        x = x_of(y, 0)
        if x is not None:
            point = times(L, (x, y))
            if times(4, point) != ZERO:
                return [times(number, point) for number in range(8)]
        y += 1


def challenge(r: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(sha512(r + key + message).digest(), "little") % L


def sign(
    secret: int, nonce: int, message: bytes, key: bytes, shift: Point = ZERO, above: int = 0
) -> bytes:
    """A signature with R moved by `shift`, and S above its range by `above` times the order.

    `key` is the public key as it is hashed.
    """
    r = encode(add(times(nonce, BASE), shift))
    s = (nonce + challenge(r, key, message) * secret) % L + above * L
    return r + s.to_bytes(32, "little")
