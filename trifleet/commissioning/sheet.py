"""The job for one board, and the file with the jobs of a day: which vehicle, whose, with what.

TOML: `owner`, `configuration` and so on at the top count for all vehicles, `[[vehicle]]` has its
name and may have any of them anew. Unknown keys are refused.
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocol import fields
from protocol.errors import DecodeError
from trifleet.commissioning.errors import SheetError
from trifleet.commissioning.public_keys import owner_thumbprint, release_thumbprint

MOST_VEHICLES = 200
_COMMON = {"owner", "configuration", "board", "release_keys", "release_threshold", "mechanic"}
_OF_VEHICLE = _COMMON | {"name", "port", "key_file"}


@dataclass(frozen=True)
class Sheet:
    """`owner` is the thumbprint of the owner's key. `release_keys` may be empty: then nothing can
    be installed over the air. `key_file` holds a vehicle key that somebody drew before."""

    vehicle: str
    owner: bytes
    configuration: str
    board: str = ""
    port: str | None = None
    key_file: Path | None = None
    release_keys: tuple[bytes, ...] = field(default=(), repr=False)
    release_threshold: int = 2
    mechanic: str = ""

    def __post_init__(self) -> None:
        try:
            fields.identifier(self.vehicle, "vehicle")
        except DecodeError as error:
            raise SheetError(
                f"vehicle {self.vehicle!r}: 1 to 32 of a-z 0-9 -, no hyphen at either end"
            ) from error
        if self.release_keys and not 1 <= self.release_threshold <= len(set(self.release_keys)):
            raise SheetError(
                f"release_threshold {self.release_threshold}: of {len(set(self.release_keys))} keys"
            )


def read_batch(path: Path) -> list[Sheet]:
    """Every job of the file, in its order. Raises SheetError."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SheetError(f"{path}: {error}") from error
    vehicles = found.pop("vehicle", None)
    if not isinstance(vehicles, list) or not 1 <= len(vehicles) <= MOST_VEHICLES:
        raise SheetError(f"{path}: it needs 1 to {MOST_VEHICLES} tables [[vehicle]]")
    _known(found, _COMMON, path, "at the top")
    sheets = [_sheet(one, found, path, at) for at, one in enumerate(vehicles, 1)]
    names = [sheet.vehicle for sheet in sheets]
    if len(set(names)) != len(names):
        raise SheetError(f"{path}: a vehicle is listed twice")
    return sheets


def _sheet(one: object, common: dict[str, Any], path: Path, at: int) -> Sheet:
    where = f"vehicle {at}"
    if not isinstance(one, dict):
        raise SheetError(f"{path}: {where} is no table")
    _known(one, _OF_VEHICLE, path, where)
    values = common | one
    texts = {name: values.get(name, "") for name in ("name", "owner", "configuration", "board")}
    texts |= {name: values.get(name, "") for name in ("port", "key_file", "mechanic")}
    keys, threshold = values.get("release_keys", []), values.get("release_threshold", 2)
    right = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not right or type(threshold) is not int or not all(type(t) is str for t in texts.values()):
        raise SheetError(f"{path}: {where} has a value of the wrong kind")
    try:
        return make_sheet(
            texts["name"],
            texts["owner"],
            texts["configuration"],
            board=texts["board"],
            port=texts["port"] or None,
            key_file=path.parent / texts["key_file"] if texts["key_file"] else None,
            release_keys=keys,
            release_threshold=threshold,
            mechanic=texts["mechanic"],
        )
    except SheetError as error:
        raise SheetError(f"{path}: {where}: {error}") from error


def make_sheet(
    vehicle: str, owner: str, configuration: str, *, release_keys: list[str], **rest: Any
) -> Sheet:
    """From what was typed. Raises SheetError."""
    for name, text in (("vehicle", vehicle), ("owner", owner), ("configuration", configuration)):
        if not text:
            raise SheetError(f"no {name} was given: --{name}, or a line of the --batch file")
    trusted = tuple(release_thumbprint(key) for key in release_keys)
    return Sheet(vehicle, owner_thumbprint(owner), configuration, release_keys=trusted, **rest)


def _known(values: dict[str, Any], names: set[str], path: Path, where: str) -> None:
    unknown = sorted(set(values) - names)
    if unknown:
        raise SheetError(f"{path}: {where}: unknown: {', '.join(unknown)}")
