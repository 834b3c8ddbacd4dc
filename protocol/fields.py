"""Checks on decoded values, one a kind of field. Each returns the value or raises DecodeError."""

from protocol.errors import DecodeError

VERSION = 1
MAX_TIME = 0xFFFFFFFF


def uint(value: object, where: str, maximum: int = 0xFFFFFFFFFFFFFFFF) -> int:
    """An unsigned integer of at most `maximum`; true and false are none."""
    if value is True or value is False or not isinstance(value, int) or not 0 <= value <= maximum:
        raise DecodeError("field", where)
    return value


def sint(value: object, where: str) -> int:
    """An integer of either sign."""
    if value is True or value is False or not isinstance(value, int):
        raise DecodeError("field", where)
    return value


def boolean(value: object, where: str) -> bool:
    """true or false."""
    if value is not True and value is not False:
        raise DecodeError("field", where)
    return value is True


def octets(value: object, where: str, size: int | None = None) -> bytes:
    """A byte string, of exactly `size` bytes where it is given."""
    if not isinstance(value, bytes) or (size is not None and len(value) != size):
        raise DecodeError("field", where)
    return value


def text(value: object, where: str, maximum: int = 255) -> str:
    """A text of at most `maximum` characters."""
    if not isinstance(value, str) or len(value) > maximum:
        raise DecodeError("field", where)
    return value


def identifier(value: object, where: str) -> str:
    """The name of a vehicle or gateway: 1 to 32 of a-z 0-9 -, no hyphen at either end."""
    name = text(value, where, 32)
    for letter in name:
        if letter not in "abcdefghijklmnopqrstuvwxyz0123456789-":
            raise DecodeError("identifier", where)
    if not name or name[0] == "-" or name[-1] == "-":
        raise DecodeError("identifier", where)
    return name


def array(value: object, where: str, size: int | None = None) -> list:  # type: ignore[type-arg]
    """An array, of exactly `size` items where it is given."""
    if not isinstance(value, list) or (size is not None and len(value) != size):
        raise DecodeError("field", where)
    return value


def map_of(
    value: object, where: str, keys: range | tuple[int, ...], optional: bool = False
) -> dict:  # type: ignore[type-arg]
    """A map with exactly these keys (or, `optional`, with no others)."""
    if not isinstance(value, dict):
        raise DecodeError("field", where)
    for key in value:
        if key not in keys:
            raise DecodeError("unknown-key", f"{where}.{key}")
    if not optional and len(value) != len(keys):
        raise DecodeError("missing-key", where)
    return value


def version(value: object, where: str) -> None:
    """The version of the format; there is one so far."""
    if uint(value, where) != VERSION:
        raise DecodeError("version", where)
