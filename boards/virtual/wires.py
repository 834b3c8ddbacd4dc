"""Wires from outputs to inputs of a virtual board, such as a bolt that its sense switch follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from boards.errors import BoardError
from boards.pins import BoardPin
from boards.virtual.inputs import Inputs


class Wires:
    """`wires`: input -> the output that drives it. Raises BoardError for pins that are not so."""

    def __init__(self, pins: Sequence[BoardPin], wires: Mapping[str, str], inputs: Inputs) -> None:
        directions = {pin.pin: pin.direction for pin in pins}
        for end, begin in wires.items():
            if (directions.get(begin), directions.get(end)) != ("out", "in"):
                raise BoardError(f"no wire from {begin} to {end}: not an output and an input")
        self._names = [pin.pin for pin in pins]
        self._wires = wires
        self._inputs = inputs

    def power_on(self) -> None:
        """Outputs are low until the program sets them."""
        for end in self._wires:
            self._inputs.set_pin(end, 0)

    def output_is(self, number: int, level: int) -> None:
        """What the program set an output to."""
        if number < len(self._names):
            for end, begin in self._wires.items():
                if begin == self._names[number]:
                    self._inputs.set_pin(end, level & 1)
