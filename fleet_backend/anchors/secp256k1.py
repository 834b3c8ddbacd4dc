"""Signatures of EVM chains: ECDSA over secp256k1 with the parity that tells the signer.

`cryptography` signs (RFC 6979: the same digest gives the same bytes, so a transaction signed again
after a crash is the same transaction). The arithmetic here sees public values only.
"""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

FIELD = 2**256 - 2**32 - 977
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BASE = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
Point = tuple[int, int] | None  # None: the point at infinity


def _add(left: Point, right: Point) -> Point:
    if left is None or right is None:
        return right if left is None else left
    (x1, y1), (x2, y2) = left, right
    if x1 == x2:
        if (y1 + y2) % FIELD == 0:
            return None
        slope = 3 * x1 * x1 * pow(2 * y1, -1, FIELD)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, FIELD)
    x3 = (slope * slope - x1 - x2) % FIELD
    return x3, (slope * (x1 - x3) - y1) % FIELD


def _multiply(point: Point, factor: int) -> Point:
    total: Point = None
    while factor:
        if factor & 1:
            total = _add(total, point)
        point = _add(point, point)
        factor >>= 1
    return total


def sign_digest(key: ec.EllipticCurvePrivateKey, digest: bytes) -> tuple[int, int, int]:
    """(y parity, r, s) over a digest of 32 bytes, with s in the lower half as chains demand."""
    signature = key.sign(digest, ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True))
    r, s = decode_dss_signature(signature)
    s = min(s, ORDER - s)
    public = key.public_key().public_numbers()
    # The nonce's point, from what everybody can see: (digest * base + r * public key) / s.
    inverse = pow(s, -1, ORDER)
    point = _add(
        _multiply(BASE, int.from_bytes(digest, "big") * inverse % ORDER),
        _multiply((public.x, public.y), r * inverse % ORDER),
    )
    assert point is not None and point[0] % ORDER == r
    # A point with x >= order, one in 2^128, would need a parity of 2 or 3, which no chain has.
    return point[1] & 1, r, s
