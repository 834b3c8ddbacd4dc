"""What the authority has issued: one JSON file, replaced whole, decoded strictly.

It is the memory that the list of revoked certificates is made from, so a damaged one is refused.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from protocol import fields
from protocol.errors import DecodeError
from trifleet.certificates.errors import CertificateError
from trifleet.layout import write_private

_MAX_TIME = 253_402_300_799  # the end of the year 9999, X.509's last second
_MAX_SERIAL = 1 << 159


class Use(StrEnum):
    """Whom a certificate names, and so what he may do: see `brokers.common.topics_of`."""

    GATEWAY = "gateway"
    INGEST = "ingest"
    API = "api"
    BROKER = "broker"


@dataclass(frozen=True)
class Entry:
    """One certificate: times in Unix seconds, `key` the SHA-256 of its SubjectPublicKeyInfo."""

    serial: int
    name: str
    use: Use
    begins: int
    ends: int
    key: str
    revoked: int = 0

    def good_at(self, now: int) -> bool:
        """Neither revoked nor over."""
        return not self.revoked and now < self.ends


def load(path: Path) -> tuple[Entry, ...]:
    """In the order of issue. Raises CertificateError for anything that `save` does not write."""
    try:
        found = json.loads(path.read_bytes())
        entries = tuple(_entry(one) for one in found)
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, DecodeError, RecursionError) as error:
        raise CertificateError(f"{path} is damaged: {error}") from error
    if len({one.serial for one in entries}) != len(entries):
        raise CertificateError(f"{path} is damaged: a serial number is there twice")
    return entries


def save(path: Path, entries: Sequence[Entry]) -> None:
    """Whole or not at all. One line an entry: each certificate writes the whole register."""
    rows = [json.dumps({**vars(one), "serial": f"{one.serial:x}"}) for one in entries]
    write_private(path, ("[\n" + ",\n".join(rows) + "\n]\n").encode())


def _entry(value: object) -> Entry:
    if not isinstance(value, dict) or set(value) != set(Entry.__dataclass_fields__):
        raise ValueError("an entry with other fields")
    return _checked(*(value[name] for name in Entry.__dataclass_fields__))


# An entry hardly ever changes, and every certificate reads all of them. `typed`: 1 is not true.
@lru_cache(maxsize=20_000, typed=True)
def _checked(
    serial: object, name: object, use: str, begins: int, ends: int, key: object, revoked: int
) -> Entry:
    if not isinstance(serial, str) or not isinstance(key, str) or len(bytes.fromhex(key)) != 32:
        raise ValueError("a serial number or a key")
    for what, time in (("begins", begins), ("ends", ends), ("revoked", revoked)):
        if type(time) is not int or not 0 <= time <= _MAX_TIME:
            raise ValueError(f"the time {what}")
    number = int(serial, 16)
    if f"{number:x}" != serial or not 0 < number < _MAX_SERIAL:
        raise ValueError("a serial number")
    checked_name = fields.identifier(name, "certificate.name")
    return Entry(number, checked_name, Use(use), begins, ends, key, revoked)
