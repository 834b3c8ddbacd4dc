"""Binary values in JSON: base64url without padding, in its one spelling; thumbprints in hex."""

import base64
import binascii

from .errors import BadValueError


def to_b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64u(text: str, where: str) -> bytes:
    """Raises BadValueError for padding, other letters and stray bits."""
    try:
        raw = text.encode("ascii")
        data = base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BadValueError(where, "not base64url without padding") from error
    if to_b64u(data) != text:
        raise BadValueError(where, "not base64url without padding")
    return data


def from_hex(text: str, where: str, size: int) -> bytes:
    """Exactly `size` bytes in lower case. Raises BadValueError."""
    try:
        data = bytes.fromhex(text)
    except ValueError as error:
        raise BadValueError(where, "not hexadecimal") from error
    if len(data) != size or data.hex() != text:
        raise BadValueError(where, f"not {2 * size} lower-case hexadecimal digits")
    return data
