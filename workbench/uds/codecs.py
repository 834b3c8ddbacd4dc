"""Values of data identifiers as numbers and words, by the generated table."""

from __future__ import annotations

from udsoncan import DidCodec

from workbench.uds.table import DATA, FREEZE

_FORMATS = {"u8": ">B", "u16": ">H", "u32": ">L", "s16": ">h"}
_UNKNOWN = {"u8": 0xFF, "u16": 0xFFFF, "u32": 0xFFFF_FFFF, "s16": -0x8000}
NUMBERS = {name: number for number, (name, *_) in DATA.items()}

Value = int | str | None


class NumberCodec(DidCodec):
    """One number; None where the vehicle does not know it."""

    def __init__(self, kind: str) -> None:
        super().__init__(_FORMATS[kind])
        self._unknown = _UNKNOWN[kind]

    def decode(self, did_payload: bytes) -> Value:
        (value,) = super().decode(did_payload)
        return None if value == self._unknown else int(value)


class TextCodec(DidCodec):
    """ASCII to the end of the answer, so it is asked for alone."""

    def decode(self, did_payload: bytes) -> str:
        return did_payload.decode("ascii", "replace")

    def __len__(self) -> int:
        raise DidCodec.ReadAllRemainingData


def codec(number: int) -> DidCodec:
    kind = DATA[number][1]
    return TextCodec() if kind == "text" else NumberCodec(kind)


def codecs() -> dict[int, DidCodec]:
    """Of all identifiers."""
    return {number: codec(number) for number in DATA}


def frozen_values(data: dict[int, Value]) -> dict[str, Value]:
    """A freeze frame by names, in the order of the table."""
    return {DATA[number][0]: data[number] for number in FREEZE if number in data}
