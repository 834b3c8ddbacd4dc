"""Private keys at rest: one key a file, PEM (PKCS8, not encrypted), mode 0600.

Refuses to overwrite a file, and to use one that others on the machine may read.
"""

import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from .errors import ConfigError

MAX_FILE_BYTES = 16_384


def write_key(path: Path, key: PrivateKeyTypes) -> None:
    """A new file, durable before this returns. Raises ConfigError."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise ConfigError(f"cannot write the key {path}: {error.strerror}") from error


def read_key(path: Path) -> PrivateKeyTypes:
    """Key of a file. Raises ConfigError, which never shows the file's content."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            pem = file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise ConfigError(f"cannot read the key {path}: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"others may read the key {path}: its mode must be 0600")
    try:
        return load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{path} is not an unencrypted PEM key") from error
