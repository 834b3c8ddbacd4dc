"""The log's Ed25519 key: a PEM file with mode 0600, and the verifier key to hand out.

Refuses to overwrite a key, and to use one that others on the machine may read.
"""

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from .errors import ConfigError, NoteError
from .note import Signer

MAX_KEY_FILE_BYTES = 16_384


def generate_log_key(path: Path) -> Ed25519PrivateKey:
    """New key in a new file, durable before it is returned. Raises ConfigError."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise ConfigError(f"cannot write the log key {path}: {error.strerror}") from error
    return key


def load_log_key(path: Path) -> Ed25519PrivateKey:
    """Key of a file. Raises ConfigError, which never shows the file's content."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            pem = file.read(MAX_KEY_FILE_BYTES)
    except OSError as error:
        raise ConfigError(f"cannot read the log key {path}: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"others may read the log key {path}: its mode must be 0600")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"log key {path} is not an unencrypted PEM key") from error
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
