"""The keys of logs and witnesses: PEM files with mode 0600, and the verifier keys to hand out.

Refuses to overwrite a key, and to use one that others on the machine may read.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from .cosign import Cosigner, CosignerKey
from .errors import ConfigError, NoteError
from .note import Signer
from .pemfile import read_key, write_key


def generate_log_key(path: Path) -> Ed25519PrivateKey:
    """New key in a new file, durable before it is returned. Raises ConfigError."""
    key = Ed25519PrivateKey.generate()
    write_key(path, key)
    return key


def load_log_key(path: Path) -> Ed25519PrivateKey:
    """Key of a file. Raises ConfigError, which never shows the file's content."""
    key = read_key(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"log key {path} is not an Ed25519 key")
    return key


def log_vkey(origin: str, key: Ed25519PrivateKey) -> str:
    """Verifier key of the log `origin`. Raises ConfigError where the origin cannot be a name."""
    return log_signer(origin, key).verifier.vkey


def log_signer(origin: str, key: Ed25519PrivateKey) -> Signer:
    """Signer under the log's origin. Raises ConfigError where the origin cannot be a name."""
    try:
        return Signer(origin, key)
    except NoteError as error:
        raise ConfigError(f"log origin: {error}") from error


def generate_cosigner_key(path: Path, *, post_quantum: bool) -> CosignerKey:
    """New ML-DSA-44 or Ed25519 key in a new file, durable before it is returned."""
    kind = MLDSA44PrivateKey if post_quantum else Ed25519PrivateKey
    key: CosignerKey = kind.generate()
    write_key(path, key)
    return key


def load_cosigner(name: str, path: Path) -> Cosigner:
    """Cosigner of a key file, whose key says which type it is. Raises ConfigError."""
    key = read_key(path)
    if not isinstance(key, Ed25519PrivateKey | MLDSA44PrivateKey):
        raise ConfigError(f"witness key {path} is neither an Ed25519 nor an ML-DSA-44 key")
    try:
        return Cosigner(name, key)
    except NoteError as error:
        raise ConfigError(f"witness name: {error}") from error
