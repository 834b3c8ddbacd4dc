"""The gateway's own key, and the backend's public one."""

from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge_gateway.errors import SettingsError


def load_key(path: Path) -> Ed25519PrivateKey:
    """Raises SettingsError; it never shows what is in the file."""
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise SettingsError(path, "key_file", error.strerror or "readable") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(path, "key_file", "an Ed25519 key, PEM, PKCS#8, unencrypted") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(path, "key_file", "an Ed25519 key, not another kind")
    return key


def load_verifier(raw: bytes) -> Callable[[bytes, bytes], bool]:
    """`verify(message, signature)` of a raw public key. Raises SettingsError."""
    try:
        key = Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise SettingsError("settings", "ack_public_key", "an Ed25519 public key") from error

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verify
