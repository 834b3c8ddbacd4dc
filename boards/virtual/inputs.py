"""What is connected to the pins of a virtual board, as the host sets it. Refuses unknown pins."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

from boards.errors import BoardError
from boards.pins import BoardPin

_CONNECTED = struct.Struct("<HH")  # connected, value
FULL_SCALE = 0xFFFF
FALLING, RISING = 1, 2


class Inputs:
    """The device reads `descriptor`: four bytes a pin, in the order of the list."""

    def __init__(self, pins: Sequence[BoardPin]) -> None:
        self._pins = {pin.name: (number, pin) for number, pin in enumerate(pins)}
        self._levels: dict[str, int | None] = dict.fromkeys(self._pins)
        self.descriptor = os.memfd_create("inputs", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, _CONNECTED.size * len(pins))
        self.edges = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def set_analog(self, name: str, value: int | None) -> None:
        """0 to 65535, the full scale of the converter; None takes the wire away."""
        if self._direction(name) != "analog":
            raise BoardError(f"{name} is no analog pin")
        if value is not None and not 0 <= value <= FULL_SCALE:
            raise BoardError(f"{name}: {value} is not 0 to {FULL_SCALE}")
        self._connect(name, value)

    def set_pin(self, name: str, level: int | None) -> int:
        """Returns which edge that was: FALLING, RISING or 0."""
        if self._direction(name) != "in":
            raise BoardError(f"{name} is no input")
        if level not in (None, 0, 1):
            raise BoardError(f"{name}: {level!r} is not 0 or 1")
        before = self._levels[name]
        self._connect(name, level)
        if level is None or bool(level) == bool(before):
            return 0
        os.eventfd_write(self.edges, 1)
        return RISING if level else FALLING

    def number(self, name: str) -> int:
        return self._pins[name][0]

    def close(self) -> None:
        os.close(self.descriptor)
        os.close(self.edges)

    def _direction(self, name: str) -> str:
        if name not in self._pins:
            raise BoardError(f"the board has no pin {name}")
        return self._pins[name][1].direction

    def _connect(self, name: str, value: int | None) -> None:
        number = self._pins[name][0]
        record = _CONNECTED.pack(value is not None, value or 0)
        os.pwrite(self.descriptor, record, _CONNECTED.size * number)
        self._levels[name] = value
