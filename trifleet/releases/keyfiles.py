"""The repository's private keys: Ed25519, PKCS#8, encrypted under a passphrase but for the online
one. They are drawn when the repository is made; there is no default and no way to pass one in.
"""

from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from fleet_backend.ledger.storage import sync_folder
from trifleet.layout import write_private
from trifleet.releases.errors import ReleaseError

LEAST_PASSPHRASE = 12

# Asked once for each command; the argument says what for.
Ask = Callable[[str], bytes]


def checked_passphrase(value: bytes) -> bytes:
    """Long enough to stand in the way of who finds the file. Raises ReleaseError."""
    if len(value) < LEAST_PASSPHRASE:
        raise ReleaseError(
            f"the passphrase has fewer than {LEAST_PASSPHRASE} characters: choose a longer one"
        )
    return value


def generate(path: Path, passphrase: bytes | None) -> CryptoSigner:
    """A new key at `path`, durable; None: without a passphrase, for a program that nobody sits
    beside."""
    if path.exists():
        raise ReleaseError(f"{path} is there already: a key is never overwritten")
    key = Ed25519PrivateKey.generate()
    _write(path, key, None if passphrase is None else checked_passphrase(passphrase))
    return CryptoSigner(key)


def unlock(source: Path, passphrase: bytes | None, path: Path) -> None:
    """The same key at `path`, durable, without a passphrase; what was there is gone."""
    _write(path, _private(source, passphrase), None)


def load(path: Path, passphrase: bytes | None) -> CryptoSigner:
    """The key of a file that nobody else may read. Raises ReleaseError, never with the key."""
    return CryptoSigner(_private(path, passphrase))


def _write(path: Path, key: Ed25519PrivateKey, passphrase: bytes | None) -> None:
    lock: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        lock = BestAvailableEncryption(passphrase)
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    sync_folder(path.parent)


def _private(path: Path, passphrase: bytes | None) -> Ed25519PrivateKey:
    try:
        if path.stat().st_mode & 0o077:
            raise ReleaseError(f"{path} can be read by others: chmod 600 it, and think who did")
        key = load_pem_private_key(path.read_bytes(), passphrase)
    except FileNotFoundError:
        raise ReleaseError(f"{path} is not there: mount the medium that holds the keys") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ReleaseError(f"{path} cannot be opened: another passphrase, or no key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ReleaseError(f"{path} holds no Ed25519 key")
    return key
