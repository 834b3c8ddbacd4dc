"""Reads a board's board.toml: what the chip is, how tools reach it. One schema for every board."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from boards.errors import DescriptionError

STATUSES = ("reference", "cheap", "minimum", "preview", "virtual")


@dataclass(frozen=True)
class BoardDescription:
    """`can` names the controller, `radio` the radio ("" where there is none)."""

    name: str
    status: str
    mcu: str
    ram_bytes: int
    flash_bytes: int
    files_bytes: int
    bootloader: str
    usb_ids: tuple[str, ...]
    can: str
    radio: str
    micropython: str


def decode_description(text: str, where: str) -> BoardDescription:
    """Raises DescriptionError for anything that is not exactly the fields above."""
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DescriptionError(f"{where}: {error}") from error
    names = {field.name for field in fields(BoardDescription)}
    _refuse(where, "unknown", sorted(set(values) - names))
    _refuse(where, "missing", sorted(names - set(values)))
    for name, value in values.items():
        _check(name, value, where)
    values["usb_ids"] = tuple(values["usb_ids"])
    return BoardDescription(**values)


def read_description(folder: Path) -> BoardDescription:
    path = folder / "board.toml"
    return decode_description(path.read_text(encoding="utf-8"), str(path))


def _refuse(where: str, what: str, names: list[str]) -> None:
    if names:
        raise DescriptionError(f"{where}: {what}: {', '.join(names)}")


def _check(name: str, value: Any, where: str) -> None:
    if name.endswith("_bytes"):
        right = type(value) is int and value > 0
    elif name == "usb_ids":
        right = isinstance(value, list) and all(isinstance(item, str) for item in value)
    else:
        right = isinstance(value, str)
    if not right:
        raise DescriptionError(f"{where}: {name}: {value!r} is of the wrong kind")
    if name == "status" and value not in STATUSES:
        raise DescriptionError(f"{where}: status: {value!r} is not one of {', '.join(STATUSES)}")
