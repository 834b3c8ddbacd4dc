"""Who signed a release, and whether that is enough. Pure but for the random salt of a signature."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from protocol import release, rsa
from workbench.errors import ReleaseError, UnsignedError
from workbench.release.bundle import Bundle, read
from workbench.release.keys import check_key, modulus

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=rsa.SALT_BYTES)


@dataclass(frozen=True)
class Verdict:
    """Thumbprints of the keys whose signatures hold: those that are trusted, and others."""

    trusted: tuple[bytes, ...]
    others: tuple[bytes, ...]


def sign(bundle: Bundle, key: RSAPrivateKey) -> Bundle:
    """The same release with one signature more; one by the same key is replaced."""
    check_key(key)
    own = modulus(key)
    signature = key.sign(release.signed_message(bundle.digest), _PSS, hashes.SHA256())
    kept = [pair for pair in bundle.head.signatures if pair[0] != own]
    if len(kept) >= release.MOST_SIGNATURES:
        raise ReleaseError(f"it has {len(kept)} signatures already, which is the most")
    table = release.encode_files(bundle.head.files)
    head = release.encode_head(bundle.head.raw, [*kept, (own, signature)], table)
    return read(head + bundle.content)


def verify(bundle: Bundle, trusted: Collection[bytes], threshold: int) -> Verdict:
    """`trusted` are thumbprints. Raises UnsignedError where fewer than `threshold` of them signed,
    or a signature does not hold, whoever made it."""
    if not 0 < threshold <= len(set(trusted)):
        raise ReleaseError(f"{threshold} of {len(set(trusted))} keys can never sign a release")
    message = release.signed_message(bundle.digest)
    good: dict[bool, list[bytes]] = {True: [], False: []}
    for key, signature in bundle.head.signatures:
        name = rsa.thumbprint(key)
        if not rsa.verify(key, message, signature):
            raise UnsignedError(f"the signature of key {name.hex()[:16]} does not hold")
        good[name in trusted].append(name)
    if len(good[True]) < threshold:
        raise UnsignedError(f"signed by {len(good[True])} of the keys that count, not {threshold}")
    return Verdict(tuple(good[True]), tuple(good[False]))
