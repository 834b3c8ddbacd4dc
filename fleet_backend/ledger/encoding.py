"""What notes, checkpoints and proofs share: base64 in its one spelling, names, numbers."""

import base64
import binascii
import re

from .errors import CheckpointError, NoteError
from .tile import MAX_SIZE

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def decode_base64(text: str, what: str) -> bytes:
    """Standard base64 with padding, in its one spelling: stray bits and spaces are refused."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise NoteError(f"{what} is not base64") from error
    if encode_base64(data) != text:
        raise NoteError(f"{what} is not canonical base64")
    return data


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def check_name(name: str) -> None:
    """Refuse a name that is empty or holds a Unicode space, a plus, a control or no character."""
    bad = any(char.isspace() or char < " " or "\ud800" <= char <= "\udfff" for char in name)
    if bad or not name or "+" in name:
        raise NoteError(f"not a key name: {name[:64]!r}")


def parse_number(text: str) -> int:
    """A size or index below 2^63 in decimal without leading zeros. Raises CheckpointError."""
    if not _NUMBER.fullmatch(text) or int(text) > MAX_SIZE:
        raise CheckpointError(f"not a number below 2^63: {text[:32]!r}")
    return int(text)
