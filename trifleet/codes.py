"""One-time codes as a phone draws them: the digits stay here, the hashes go into the grant.

Never in a log: what prints this object sees how many there are, and the digits are told once.
"""

import secrets

from protocol import codes
from trifleet.errors import ClientError

GROUP = 4


class DrawnCodes:
    """`wire` is what the grant request carries: the salt, then a hash for each code."""

    def __init__(self, vehicle: str, holder: bytes, count: int = 2) -> None:
        if not 1 <= count <= codes.MOST:
            raise ClientError(f"a grant carries 1 to {codes.MOST} codes, not {count}")
        drawn = secrets.token_bytes(codes.ITEM_BYTES)
        salt = codes.salt_for(vehicle, holder, drawn)
        self._codes = _draw(count)
        self.wire = [drawn, *(codes.stretch(salt, code.encode()) for code in self._codes)]

    def tell_once(self) -> list[str]:
        """The codes; afterwards they are only where they were written down."""
        told, self._codes = self._codes, []
        if not told:
            raise ClientError("these codes were told already")
        return told

    def __repr__(self) -> str:
        return f"DrawnCodes({len(self.wire) - 1} codes)"


def grouped(code: str) -> str:
    """As people read it to a keypad: four digits at a time."""
    return " ".join(code[at : at + GROUP] for at in range(0, len(code), GROUP))


def _draw(count: int) -> list[str]:
    out: set[str] = set()
    while len(out) < count:
        out.add(f"{secrets.randbelow(10**codes.DIGITS):0{codes.DIGITS}d}")
    return list(out)
