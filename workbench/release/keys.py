"""Release keys: RSA of exactly 3072 bits in PKCS #8 files, and the public halves as PEM.

A passphrase comes as bytes from whoever asked a person for it; it is in no error and no log.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from protocol.release import KEY_BYTES
from protocol.rsa import thumbprint
from workbench.errors import ReleaseKeyError

BITS = 8 * KEY_BYTES
_EXPONENT = 65_537


def make_key() -> RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=_EXPONENT, key_size=BITS)


def check_key(key: RSAPrivateKey | RSAPublicKey) -> None:
    """Raises ReleaseKeyError."""
    public = key.public_key() if isinstance(key, RSAPrivateKey) else key
    if key.key_size != BITS or public.public_numbers().e != _EXPONENT:
        raise ReleaseKeyError(f"a key of {key.key_size} bits: release keys have {BITS}, e = 65537")


def modulus(key: RSAPrivateKey | RSAPublicKey) -> bytes:
    public = key.public_key() if isinstance(key, RSAPrivateKey) else key
    return public.public_numbers().n.to_bytes(KEY_BYTES, "big")


def name_of(key: RSAPrivateKey | RSAPublicKey) -> bytes:
    """The key's thumbprint, by which a vehicle knows it."""
    return thumbprint(modulus(key))


def encode_private(key: RSAPrivateKey, passphrase: bytes) -> bytes:
    """An encrypted PKCS #8 file. An empty passphrase is refused: it would be no secret."""
    if not passphrase:
        raise ReleaseKeyError("an empty passphrase protects nothing")
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )


def encode_public(key: RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def decode_private(data: bytes, ask: Callable[[], bytes]) -> RSAPrivateKey:
    """`ask` is called where the file is encrypted. Raises ReleaseKeyError."""
    passphrase = ask() if b"ENCRYPTED" in data else None
    try:
        key = serialization.load_pem_private_key(data, passphrase)
    except (ValueError, TypeError) as error:
        # Not what it says: it may quote the file.
        raise ReleaseKeyError("not a private key in PEM, or another passphrase") from error
    if not isinstance(key, RSAPrivateKey):
        raise ReleaseKeyError("not an RSA key")
    check_key(key)
    return key


def decode_public(data: bytes) -> RSAPublicKey:
    """Raises ReleaseKeyError."""
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, TypeError) as error:
        raise ReleaseKeyError("not a public key in PEM") from error
    if not isinstance(key, RSAPublicKey):
        raise ReleaseKeyError("not an RSA key")
    check_key(key)
    return key
