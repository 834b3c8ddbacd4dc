"""The log's Ed25519 key: a PEM file with mode 0600, and the verifier key to hand out.

Refuses to overwrite a key, and to use one that others on the machine may read.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

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
