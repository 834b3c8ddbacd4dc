"""The vehicle's own key: drawn here or read from a private file; never printed, logged, typed."""

import secrets
from pathlib import Path

from trifleet.commissioning.errors import SheetError
from workbench.identity import KEY_BYTES


def draw_key() -> bytes:
    """New, for one vehicle."""
    return secrets.token_bytes(KEY_BYTES)


def read_key(path: Path) -> bytes:
    """32 bytes as they are, or as 64 hexadecimal digits. Raises SheetError, which never shows
    what is in the file."""
    try:
        if path.stat().st_mode & 0o077:
            raise SheetError(f"{path} holds a key and others may read it: chmod 600 {path}")
        with path.open("rb") as file:
            data = file.read(2 * KEY_BYTES + 2)
    except OSError as error:
        raise SheetError(f"{path}: {error.strerror}") from error
    if len(data) == KEY_BYTES:
        return data
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SheetError(f"{path} holds no vehicle key: 32 bytes, or 64 hexadecimal digits")
    return key
