"""What stands on a label, and what is refused as one."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import segno

from protocol import fields
from protocol.errors import DecodeError
from workbench.errors import LabelError

LEVELS = ("L", "M", "Q", "H")  # share that may be scratched away: 7, 15, 25 and 30 %
_LEAST_MM, _MOST_MM = 20.0, 300.0
_MOST_ADDRESS = 200
_DIGITS = {
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "fr": ("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"),
}

Matrix = tuple[bytes, ...]


@dataclass(frozen=True)
class Label:
    """`address` is of the riders' server, `emergency` the number to call; sizes in mm.

    Raises LabelError.
    """

    vehicle: str
    address: str
    width_mm: float = 60.0
    height_mm: float = 40.0
    level: str = "Q"
    emergency: str = "112"

    def __post_init__(self) -> None:
        try:
            fields.identifier(self.vehicle, "vehicle")
        except DecodeError as error:
            raise LabelError("a vehicle's name is 1 to 32 of a-z 0-9 -") from error
        if not _is_address(self.address):
            raise LabelError("the riders' address: https://host or https://host:port")
        if self.level not in LEVELS:
            raise LabelError(f"the level of error correction is one of {', '.join(LEVELS)}")
        for size in (self.width_mm, self.height_mm):
            if not _LEAST_MM <= size <= _MOST_MM:
                raise LabelError(f"a label has {_LEAST_MM:.0f} to {_MOST_MM:.0f} mm a side")
        digits = self.emergency.replace(" ", "")
        if not digits.isdecimal() or not digits.isascii() or not 2 <= len(digits) <= 15:
            raise LabelError("the emergency number: 2 to 15 digits, spaces as you like")

    @property
    def url(self) -> str:
        """What the code says: the riders' page, opened at this vehicle."""
        return f"{self.address.rstrip('/')}/ride#/v/{self.vehicle}"

    def matrix(self) -> Matrix:
        """Rows of modules, 1 is dark; without the quiet zone."""
        code = segno.make(self.url, error=self.level, micro=False, boost_error=False)
        return tuple(bytes(row) for row in code.matrix)

    def lines(self) -> tuple[str, ...]:
        """What is written beside the code, the name apart, in English and French."""
        return (
            f"{spoken(self.vehicle, 'en')} / {spoken(self.vehicle, 'fr')}",
            "Scan to ride. Scannez pour rouler.",
            f"Emergency: call {self.emergency} and say this name.",
            f"Urgence : appelez le {self.emergency} et dites ce nom.",
        )


def spoken(vehicle: str, language: str) -> str:
    """The name as it is said on the telephone: digits as words, one by one."""
    words: list[str] = []
    run = ""
    for letter in vehicle:
        if letter.isalpha():
            run += letter
            continue
        words += [run] if run else []
        run = ""
        words += [_DIGITS[language][int(letter)]] if letter.isdigit() else []
    return " ".join([*words, run] if run else words)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    extra = parts.username or parts.query or parts.fragment or parts.path not in ("", "/")
    plain = text.isascii() and text.isprintable() and not set(text) & set(" \"'<>\\^`{|}")
    return good and not extra and plain and len(text) <= _MOST_ADDRESS
