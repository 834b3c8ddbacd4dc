"""Which roots each gateway said, under its own key, that it holds. One file, written by the
registrar; what is lost of it is said again within a day.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from trifleet.certificates.errors import CertificateError
from trifleet.layout import write_private


def load(folder: Path) -> dict[str, list[str]]:
    """name -> SHA-256 of each root's DER, in hexadecimal. Raises CertificateError."""
    path = folder / "held.json"
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict) or not all(_is_list(one) for one in found.values()):
            raise ValueError("no lists of names")
    except (ValueError, RecursionError) as error:
        raise CertificateError(f"{path} is damaged: remove it") from error
    return found


def note(folder: Path, name: str, held: Sequence[bytes]) -> None:
    """Written where it is news. Hold the authority's lock."""
    known, said = load(folder), sorted(one.hex() for one in held)
    if known.get(name) != said:
        write_private(folder / "held.json", json.dumps({**known, name: said}).encode() + b"\n")


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
