"""Takes out of log lines what must never be in one: keys, tokens, codes, riders, places. Pure.

Nobody hands such things to a logger on purpose; this is the last door, and it rather blanks too
much. A hash alone stays: tiles and statements are known by theirs.
"""

import re
from collections.abc import Mapping
from typing import Any

GONE = "[removed]"
_DEEPEST = 6

# Names of values that are removed whatever they are.
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:secret|password|passwd|token|credential|authorization|cookie|pem|codes?"
    r"|private_key|record_key|rider|holder|thumbprint|lat|lon|lat_e7|lon_e7|latitude|longitude"
    r"|position|place)$",
    re.IGNORECASE,
)
# Names that end like one of these and mean a number of the protocol.
_PLAIN_NAME = re.compile(r"(?:refusal|status|error|exit|reason|return)_?codes?$", re.IGNORECASE)

_PEM = re.compile(r"-----BEGIN [^-\n]{1,60}-----.*?(?:-----END [^-\n]{1,60}-----|\Z)", re.DOTALL)
# Beside one of these words, what looks like 32 bytes or more is one of them.
_WORD = re.compile(
    r"key|secret|passw|token|code|rider|holder|thumbprint|bearer|authoriz|credential|private|salt"
    r"|seed|cookie",
    re.IGNORECASE,
)
_BYTES = re.compile(r"[0-9A-Za-z+/_-]{42,}={0,2}")
# Such a run is a path, and stays; one with capital letters may be either, and goes.
_PATH = re.compile(r"(?!.*//)(?=.*/)[0-9a-z/_-]*")
_ASSIGNED = re.compile(
    r"\b(password|passwd|secret|token|authorization|cookie)(['\"]?\s*[=:]\s*['\"]?)"
    r"(?:(?:bearer|basic)\s+)?[^\s'\",;}]+",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(bearer|basic)(\s+)[0-9A-Za-z+/_.=-]{8,}", re.IGNORECASE)
_IN_URL = re.compile(r"(://[^\s/:@]*):[^\s/@]+@")
_PLACE = re.compile(
    r"\b(lat|lon|lat_e7|lon_e7|latitude|longitude)(['\"]?\s*[=: ]\s*)-?\d+(?:\.\d+)?",
    re.IGNORECASE,
)
_PAIR = re.compile(r"(?<![\d.])-?\d{1,3}\.\d{4,}\s*[,;/ ]\s*-?\d{1,3}\.\d{4,}(?![\d.])")
_LONG = re.compile(r"[0-9a-fA-F]{64}|[0-9A-Za-z_-]{42,}")
# With capital and small letters and digits it is no hash in hex: it goes whatever stands beside it.
_RANDOM = re.compile(r"[0-9A-Za-z+_-]{42,}={0,2}")
_MIXED = tuple(map(re.compile, ("[a-z]", "[A-Z]", "[0-9]")))
# One-time codes have 16 digits, typed with or without something between groups of four.
_CODE = re.compile(r"(?<![0-9A-Za-z])\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}(?![0-9A-Za-z])")


def scrub(text: str) -> str:
    """The text without what must not be in a log."""
    out = _PEM.sub(GONE, text)
    out = _IN_URL.sub(rf"\1:{GONE}@", out)
    out = _ASSIGNED.sub(rf"\1\2{GONE}", out)
    out = _BEARER.sub(rf"\1\2{GONE}", out)
    out = _PLACE.sub(rf"\1\2{GONE}", out)
    out = _PAIR.sub(GONE, out)
    out = _CODE.sub(GONE, out)
    out = _RANDOM.sub(_if_mixed, out)
    if _BYTES.search(out) and _WORD.search(out):
        out = _BYTES.sub(_unless_path, out)
    return out


def _if_mixed(found: re.Match[str]) -> str:
    return GONE if all(one.search(found[0]) for one in _MIXED) else found[0]


def _unless_path(found: re.Match[str]) -> str:
    return found[0] if _PATH.fullmatch(found[0]) and not _LONG.search(found[0]) else GONE


def scrub_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same for the values of a line; what is nested too deep is removed."""
    return {str(name): scrub_value(str(name), value) for name, value in values.items()}


def scrub_value(name: str, value: Any, depth: int = 0) -> Any:
    """One value under its name; numbers and truth values stay, all else becomes text."""
    if is_secret_name(name) or depth > _DEEPEST:
        return GONE
    if value is None or isinstance(value, bool | int | float):
        # A code that was taken for a number is one all the same.
        return GONE if type(value) is int and _CODE.fullmatch(str(value)) else value
    if isinstance(value, Mapping):
        return {str(key): scrub_value(str(key), one, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub_value(name, one, depth + 1) for one in value]
    text = value.hex() if isinstance(value, bytes | bytearray) else str(value)
    # The name stands beside the value, and may be the word that tells what it is.
    return GONE if _BYTES.search(text) and _WORD.search(name) else scrub(text)


def is_secret_name(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _PLAIN_NAME.search(name)
