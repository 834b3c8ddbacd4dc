"""Which roots the authority has: one that signs, and while it changes another that is trusted too.

Root 1 lies in `authority.key` and `authority.pem`, root n in `authority-n.key` and so on, beside
`link-n.pem`: the key of root n, signed by the root before it, by which a gateway that knows the old
one believes the new one. One small file, replaced whole, says who signs: each step of a change is
that one write.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from trifleet.certificates.errors import CertificateError
from trifleet.layout import write_private

_MOST = 1_000


@dataclass(frozen=True)
class Roots:
    """`trusted` has the number of each root that is believed; `since` counts the entries of the
    register that were signed by a root before `signing`.
    """

    signing: int = 1
    trusted: tuple[int, ...] = (1,)
    since: int = 0

    @property
    def other(self) -> int | None:
        """The one that is trusted beside the signing one: a later or an earlier one."""
        return next((number for number in self.trusted if number != self.signing), None)

    @property
    def following(self) -> int | None:
        """The new root, before it signs."""
        return self.other if self.other is not None and self.other > self.signing else None

    @property
    def former(self) -> int | None:
        """The old root, before it is withdrawn."""
        return self.other if self.other is not None and self.other < self.signing else None


def file(folder: Path) -> Path:
    """It is not there until the first change."""
    return folder / "roots.json"


def key_file(folder: Path, number: int) -> Path:
    return folder / f"{_stem(number)}.key"


def certificate_file(folder: Path, number: int) -> Path:
    return folder / f"{_stem(number)}.pem"


def link_file(folder: Path, number: int) -> Path:
    return folder / f"link-{number}.pem"


def load(folder: Path) -> Roots:
    """Raises CertificateError for a file that `save` did not write."""
    path = file(folder)
    if not path.exists():
        return Roots()
    try:
        value = json.loads(path.read_bytes())
        found = Roots(**{**value, "trusted": tuple(value["trusted"])})
        numbers = (found.signing, *found.trusted, found.since)
        good = all(type(one) is int and one >= 0 for one in numbers)
        good = good and found.signing in found.trusted and 1 <= len(found.trusted) <= 2
        if not good or not all(1 <= one < _MOST for one in found.trusted):
            raise ValueError("numbers that cannot be")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CertificateError(f"{path} is damaged: {error}") from error
    return found


def save(folder: Path, roots: Roots) -> None:
    """Whole or not at all."""
    write_private(file(folder), json.dumps(asdict(roots)).encode() + b"\n")


def _stem(number: int) -> str:
    return "authority" if number == 1 else f"authority-{number}"
