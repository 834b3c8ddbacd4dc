"""Keyset cursors: the place where the page before ended. Refuses all others."""

import re
from collections.abc import Sequence
from typing import Any

from .errors import BadValueError

_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_PAIR = re.compile(r"([1-9][0-9]{0,17}|0)-([1-9][0-9]{0,17}|0)", re.ASCII)
_NUMBERS = re.compile(r"(?:[1-9][0-9]{0,17}|0)(?:-(?:[1-9][0-9]{0,17}|0))*", re.ASCII)
_NAME = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)


def number(text: str | None) -> int | None:
    """A row number, or None at the beginning. Raises BadValueError."""
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise BadValueError("cursor", "not one that a page gave as `next`")
    return int(text)


def pair(text: str | None) -> tuple[int | None, int | None]:
    """Two row numbers, for a page that is merged from two tables. Raises BadValueError."""
    if text is None:
        return None, None
    match = _PAIR.fullmatch(text)
    if match is None:
        raise BadValueError("cursor", "not one that a page gave as `next`")
    return int(match[1]), int(match[2])


def numbers(text: str | None, count: int) -> tuple[int, ...] | None:
    """So many numbers, for a page in the order of several columns. Raises BadValueError."""
    if text is None:
        return None
    if not _NUMBERS.fullmatch(text) or text.count("-") != count - 1:
        raise BadValueError("cursor", "not one that a page of this `step` gave as `next`")
    return tuple(map(int, text.split("-")))


def name(text: str | None) -> str:
    """The name of a vehicle, or the empty one before all. Raises BadValueError."""
    if text is not None and not _NAME.fullmatch(text):
        raise BadValueError("cursor", "not one that a page gave as `next`")
    return text or ""


def after(rows: Sequence[Any], limit: int, key: str) -> str | None:
    """`next` of a page that was read with one row more than `limit`."""
    return str(getattr(rows[limit - 1], key)) if len(rows) > limit else None
