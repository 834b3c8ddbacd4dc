"""Looks for byte strings in every file of a folder, as a thief of the disk would."""

import sqlite3
import struct
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from fleet_backend.fleet.trace import Trace
from protocol import cbor, rsa

Needles = dict[str, bytes]


def find(root: Path, needles: Mapping[str, bytes], skip: Iterable[str] = ()) -> dict[str, set[str]]:
    """What was found -> the files that hold it, by their paths below `root`."""
    found: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink() or not path.is_file() or any(name.startswith(one) for one in skip):
            continue
        data = path.read_bytes()
        for what, needle in needles.items():
            if needle in data:
                found.setdefault(what, set()).add(name)
    return found


def of_names(trace: Trace) -> Needles:
    """The rider's names as bytes, in hexadecimal digits, and as they stand in certificates."""
    needles: Needles = {}
    for number, name in enumerate(trace.names):
        needles[f"name {number}"] = name[:64]
        needles[f"name {number} in hex"] = name.hex()[:64].encode()
    for request in trace.requests:
        needles[f"request {request}"] = request.encode()
    if trace.modulus is not None:
        needles["key, its middle"] = trace.modulus[100:140]
        needles["key as SPKI"] = rsa.spki(trace.modulus)[:60]
    return needles


def of_bodies(database: Path, statement_ids: Iterable[int]) -> Needles:
    """Salts, and a piece of each body as it is stored; whole bodies may span pages."""
    needles: Needles = {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        for number in statement_ids:
            query = "SELECT salt, body FROM bodies WHERE statement_id = ?"
            for salt, body in connection.execute(query, (number,)):
                if salt:
                    needles[f"salt of {number}"] = salt
                needles[f"body of {number}"] = body[8:40]
    return needles


def of_place(lat_e7: int, lon_e7: int) -> Needles:
    """A position as SQLite stores two neighbouring columns, and as the events spell it."""
    return {
        f"place {lat_e7} in a row": struct.pack(">ii", lat_e7, lon_e7),
        f"place {lat_e7} in text": f'"lat_e7": {lat_e7}, "lon_e7": {lon_e7}'.encode(),
        f"place {lat_e7} in bytes": b"\x05" + cbor.encode(lat_e7) + b"\x06" + cbor.encode(lon_e7),
    }
