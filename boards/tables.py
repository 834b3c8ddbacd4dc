"""Tables and drawings of the boards' pages, made from board.toml and pins.csv.

`python -m boards.tables` writes them between the marks in boards/README.md and in the README.md of
each board.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from boards.description import BoardDescription, read_description
from boards.frozen import BOARDS
from boards.pins import BoardPin, read_pins
from boards.schema import ROMFS

BEGIN, END = "<!-- made by boards/tables.py -->", "<!-- until here -->"
# What is at the other end of each signal's wire.
ENDS = {
    "can_rx": "RXD of the transceiver",
    "can_tx": "TXD of the transceiver",
    "can_wake": "RXD of the transceiver, as well",
    "can_standby": "STB of the transceiver",
    "can_clock": "SCK of the MCP2518FD",
    "can_mosi": "SDI of the MCP2518FD",
    "can_miso": "SDO of the MCP2518FD",
    "can_select": "nCS of the MCP2518FD",
    "can_interrupt": "nINT of the MCP2518FD",
    "drive_enable": "enable input of the motor controller",
    "lock_actuator": "driver of the lock",
    "lock_sense": "switch of the bolt, to 3.3 V",
    "door_release": "driver of the egress",
    "lights": "driver of the lights",
    "horn": "driver of the horn",
    "supply_sense": "12 V by a divider by six",
    "wake_button": "button, to 3.3 V",
    "led": "status light",
}
_PULLS = {"up": "to 3.3 V", "down": "to ground", "": ""}
_SIZES = ((1 << 20, "MiB"), (1 << 10, "KiB"))


def size(count: int) -> str:
    for unit, name in _SIZES:
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} B"


def read_boards() -> list[tuple[BoardDescription, tuple[BoardPin, ...]]]:
    """In the order of their status, the virtual one last."""
    folders = [path.parent for path in sorted(BOARDS.glob("*/board.toml"))]
    found = [(read_description(folder), read_pins(folder)) for folder in folders]
    order = ("reference", "cheap", "minimum", "preview", "virtual")
    return sorted(found, key=lambda one: (order.index(one[0].status), one[0].radio == ""))


def comparison(boards: Iterable[BoardDescription]) -> str:
    head = (
        "| board | status | price | chip | RAM | flash | CAN | receive FIFO | radio | "
        "application | room for it | files |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(_compared(board) for board in boards)


def _compared(board: BoardDescription) -> str:
    form = "ROMFS" if board.application.form == ROMFS else "two folders"
    cells = (
        f"[{board.title}]({board.name}/README.md)",
        board.status,
        board.price,
        board.chip.mcu,
        size(board.chip.ram_bytes),
        size(board.chip.flash_bytes),
        board.can.controller,
        str(board.can.receive_frames),
        board.radio or "none",
        f"{form}, {board.application.device}",
        f"2 x {size(board.application.room_bytes // 2)}",
        f"{size(board.files.bytes)}, {board.files.device}",
    )
    return "| " + " | ".join(cells) + " |\n"


def page(board: BoardDescription, pins: Iterable[BoardPin]) -> str:
    """What the README.md of a board has between the marks."""
    rows = list(pins)
    return "\n".join((_facts(board), _wiring(rows), _drawing(board, rows)))


def _facts(board: BoardDescription) -> str:
    can = board.can
    crystal = f", crystal of {can.crystal_hz // 1_000_000} MHz" if can.crystal_hz else ""
    facts = [
        ("status, price", f"{board.status}, {board.price}"),
        ("chip", board.chip.mcu),
        ("RAM, flash", f"{size(board.chip.ram_bytes)}, {size(board.chip.flash_bytes)}"),
        ("MicroPython", f"{board.micropython} or newer, says `{board.machine}`"),
        ("USB", ", ".join(board.usb_ids) or "none"),
        ("bootloader", f"{board.bootloader.name}, USB {', '.join(board.bootloader.usb_ids)}"),
        ("CAN", f"{can.controller}{crystal}, transceiver {can.transceiver}"),
        ("radio", board.radio or "none"),
        ("application", f"2 x {size(board.application.room_bytes // 2)}, "
         f"{board.application.device}, erased by {size(board.application.erase_bytes)}"),
        ("files", f"{size(board.files.bytes)}, {board.files.device}, "
         f"erased by {size(board.files.erase_bytes)}"),
        ("wakes", f"{', '.join(board.wake.pins) or 'by no pin'}. {board.wake.missing}".strip()),
    ]  # fmt: skip
    if not board.bootloader.usb_ids:
        facts = [fact for fact in facts if fact[0] != "bootloader"]
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in facts)


def _wiring(pins: list[BoardPin]) -> str:
    head = (
        "| signal | firmware says | pin | on the board | resistor | note |\n" + "|---" * 6 + "|\n"
    )
    return head + "".join(
        f"| {pin.signal} | `{pin.name}` | {pin.pin} | {pin.header} | {_PULLS[pin.pull]} | "
        f"{pin.note} |\n"
        for pin in pins
    )


def _drawing(board: BoardDescription, pins: list[BoardPin]) -> str:
    wide = max(len(f"{pin.header} {pin.pin}") for pin in pins)
    arrows = {"in": "<------", "out": "------>", "analog": "<~~~~~~"}
    inner = max(wide, len(board.title))
    lines = ["```", "+-" + "-" * inner + "-+", f"| {board.title.ljust(inner)} |"]
    lines.append("| " + " " * inner + " |")
    for pin in pins:
        label = f"{pin.header} {pin.pin}".strip().rjust(inner)
        lines.append(f"| {label} |{arrows[pin.direction]} {ENDS[pin.signal]}")
    return "\n".join([*lines, "+-" + "-" * inner + "-+", "```", ""])


def replaced(text: str, made: str) -> str:
    """`text` with `made` between the marks. ValueError where it has not both of them once."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{BEGIN} and {END} must be there once")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{made}{END}{rest.split(END)[1]}"


def pages() -> dict[Path, str]:
    """Every page with its tables as they should be."""
    boards = read_boards()
    made = {BOARDS / "README.md": comparison(board for board, _ in boards)}
    made |= {BOARDS / board.name / "README.md": page(board, pins) for board, pins in boards}
    return {path: replaced(path.read_text(encoding="utf-8"), text) for path, text in made.items()}


def main() -> int:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
