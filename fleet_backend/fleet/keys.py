"""Key files: PEM (PKCS8, not encrypted) with mode 0600; refuses one that others may read.

Signatures are those of the protocol: PS256 with a salt of 32 bytes, and Ed25519.
"""

from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256

from fleet_backend.fleet.errors import KeyFileError, ValueRefusedError
from fleet_backend.ledger import pemfile
from fleet_backend.ledger.errors import ConfigError
from protocol import rsa

Verify = Callable[[bytes, bytes], bool]


def generate_rsa(path: Path, bits: int = 2048) -> RSAPrivateKey:
    """New key in a new file. Raises KeyFileError."""
    if bits not in (2048, 3072, 4096):
        raise KeyFileError(f"RSA keys have 2048, 3072 or 4096 bits, not {bits}")
    key = generate_private_key(public_exponent=65537, key_size=bits)
    _write(path, key)
    return key


def load_rsa(path: Path) -> RSAPrivateKey:
    """Raises KeyFileError, which never shows the file's content."""
    key = _load(path)
    if not isinstance(key, RSAPrivateKey):
        raise KeyFileError(f"{path} is not an RSA key")
    numbers = key.public_key().public_numbers()
    if numbers.e != 65537 or not rsa.is_modulus(modulus(key)):
        raise KeyFileError(f"{path} is not an RSA key of 2048, 3072 or 4096 bits with 65537")
    return key


def generate_ed25519(path: Path) -> Ed25519PrivateKey:
    """New key in a new file. Raises KeyFileError."""
    key = Ed25519PrivateKey.generate()
    _write(path, key)
    return key


def load_ed25519(path: Path) -> Ed25519PrivateKey:
    """Raises KeyFileError, which never shows the file's content."""
    key = _load(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} is not an Ed25519 key")
    return key


def modulus(key: RSAPrivateKey) -> bytes:
    """The public key as it travels."""
    number = key.public_key().public_numbers().n
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def thumbprint(key: RSAPrivateKey) -> bytes:
    """The name of the public key in grants, 32 bytes."""
    return rsa.thumbprint(modulus(key))


def sign_ps256(key: RSAPrivateKey, message: bytes) -> bytes:
    """RSASSA-PSS, SHA-256, salt 32 (protocol section 2)."""
    return key.sign(message, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The public key, 32 bytes."""
    return key.public_key().public_bytes_raw()


def ed25519_verifier(public_key: bytes) -> Verify:
    """`verify(message, signature) -> bool`. Raises ValueRefusedError for what is no key."""
    try:
        verify = Ed25519PublicKey.from_public_bytes(public_key).verify
    except ValueError as error:
        raise ValueRefusedError("not an Ed25519 public key") from error

    def verifies(message: bytes, signature: bytes) -> bool:
        try:
            verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verifies


def _write(path: Path, key: PrivateKeyTypes) -> None:
    try:
        pemfile.write_key(path, key)
    except ConfigError as error:
        raise KeyFileError(str(error)) from error


def _load(path: Path) -> PrivateKeyTypes:
    try:
        return pemfile.read_key(path)
    except ConfigError as error:
        raise KeyFileError(str(error)) from error
