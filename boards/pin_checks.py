"""Whether a board's pins exist, are free, can do what their signals need, and are held while the
chip does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from boards.description import BoardDescription
from boards.pins import BoardPin

# One of these functions the pin must have; {0} is the controller's number in board.toml.
NEEDS: Mapping[str, frozenset[str]] = {
    "CAN1_TX": frozenset({"CAN{0}_TX"}),
    "VSENSE": frozenset({"ADC"}),
    "CAN_SCK": frozenset({"SPI{0}_SCK", "MATRIX"}),
    "CAN_MOSI": frozenset({"SPI{0}_MOSI", "MATRIX"}),
    "CAN_MISO": frozenset({"SPI{0}_MISO", "MATRIX"}),
    "CAN_UART_TX": frozenset({"UART{0}_TX", "MATRIX"}),
    "CAN_UART_RX": frozenset({"UART{0}_RX", "MATRIX"}),
}
# What would move, sound or speak by itself while the chip is in reset; the standby pin is apart.
HELD: Mapping[str, str] = {
    "DRIVE_EN": "down",
    "LOCK": "down",
    "DOOR": "down",
    "LIGHTS": "down",
    "HORN": "down",
    "BUTTON": "down",
    "CAN_CS": "up",
    "CAN_INT": "up",
}


def pin_flaws(
    board: BoardDescription, pins: Sequence[BoardPin], part: Mapping[str, frozenset[str]]
) -> list[str]:
    """What is wrong, each with the row of pins.csv; `part` is the chip's package, empty for the
    virtual board, whose pins are names only."""
    taken = {pin: what for what, reserved in board.reserved.items() for pin in reserved}
    found = [f"reserved.{what}: {pin} is no pin" for pin, what in taken.items() if pin not in part]
    for number, pin in enumerate(pins, 2):
        flaws = [*_held(board, pin)]
        if part:
            flaws += _placed(board, pin, part, taken)
        found += [f"row {number}: {pin.name}: {flaw}" for flaw in flaws]
    names = {pin.name for pin in pins}
    return found + [f"wake: no pin {name}" for name in board.wake.pins if name not in names]


def _held(board: BoardDescription, pin: BoardPin) -> Iterator[str]:
    standby = "up" if board.can.standby_level == "high" else "down"
    pull = standby if pin.name == "CAN1_STB" else HELD.get(pin.name)
    if pull is not None and pin.pull != pull:
        yield f"must be pulled {pull}"
    if (pin.direction == "analog") != (pin.name == "VSENSE"):
        yield f"cannot be {pin.direction}"
    if pin.name in board.wake.pins and pin.direction != "in":
        yield "wakes the board and is no input"


def _placed(
    board: BoardDescription,
    pin: BoardPin,
    part: Mapping[str, frozenset[str]],
    taken: Mapping[str, str],
) -> Iterator[str]:
    if pin.pin not in part:
        yield f"{pin.pin} is no pin of {board.chip.package}"
        return
    if pin.pin in taken:
        yield f"{pin.pin} is taken: {taken[pin.pin]}"
    if not pin.header:
        yield f"nobody says where {pin.pin} comes out"
    able = part[pin.pin]
    wanted = {one.format(board.can.number) for one in NEEDS.get(pin.name, ())}
    if pin.name == "CAN1_RX" and board.can.controller == "machine.CAN":
        wanted = {f"CAN{board.can.number}_RX"}
    if wanted and not wanted & able:
        yield f"{pin.pin} is not {' or '.join(sorted(wanted))}"
    if pin.name in board.wake.pins and "WKUP" not in able:
        yield f"{pin.pin} cannot wake the chip"
