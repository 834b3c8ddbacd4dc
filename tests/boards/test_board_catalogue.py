"""Every board of boards/: its pins exist, can do what they must, and are those that the firmware
says; its files are there; its flash has room for the application; its pages are up to date."""

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from boards.checks import BUS_PINS
from boards.description import BoardDescription
from boards.errors import DescriptionError
from boards.parts import FOLDER, decode_part, read_part
from boards.pin_checks import pin_flaws
from boards.tables import BEGIN, ENDS, page, pages, read_boards, replaced
from workbench.application import board_file, collect_application
from workbench.room import needed, room

ROOT = Path(__file__).resolve().parents[2]
ALL = read_boards()
BOARDS = {board.name: (board, {pin.name: pin for pin in pins}) for board, pins in ALL}
FILES = ("board.toml", "pins.csv", "manifest.py", "mpconfigboard.h", "README.md")
BUILD = {"stm32": "mpconfigboard.mk", "rp2": "mpconfigboard.cmake", "esp32": "mpconfigboard.cmake"}
# Pins that no line of the firmware has by name, and why each board has them all the same.
UNSAID = {
    "CAN1_RX": "machine.CAN takes it by itself",
    "CAN1_TX": "machine.CAN takes it by itself",
    "CAN1_WAKE": "the chip is woken by it",
    "LOCK_SENSE": "read by the self-test",
}
# Said by the firmware on boards of one controller only.
OF_CONTROLLER = {
    "mcp2518fd": {"CAN_SCK", "CAN_MOSI", "CAN_MISO", "CAN_CS", "CAN_INT"},
    "slcan": {"CAN_UART_TX", "CAN_UART_RX"},
    "machine.CAN": {"CAN1_TX"},
}
OPTIONAL = set().union(*OF_CONTROLLER.values()) | {"CAN1_WAKE"}
NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


def said_by(text: str) -> set[str]:
    """Names of pins in a module that says `Pin`: texts in capitals that a function is called with,
    or that stand in a tuple inside a function. getattr() asks for no pin."""
    tree = ast.parse(text)
    if not any(getattr(node, "attr", "") == "Pin" for node in ast.walk(tree)):
        return set()
    found: list[ast.expr] = []
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and ast.unparse(node.func) != "getattr":
                found += node.args
            elif isinstance(node, ast.Tuple):
                found += node.elts
    texts = [node.value for node in found if isinstance(node, ast.Constant)]
    return {text for text in texts if isinstance(text, str) and NAME.fullmatch(text)}


@cache
def pins_of_firmware() -> set[str]:
    sources = [path.read_text() for path in (ROOT / "firmware").rglob("*.py")]
    return set().union(*map(said_by, sources))


def test_the_firmwares_pins_are_found() -> None:
    text = 'def f():\n    m.Pin("DOOR"); _arm("CAN1_RX"); n = ("LOCK", "x"); getattr(b, "NO")\n'
    assert said_by(text) == {"DOOR", "CAN1_RX", "LOCK"}
    assert not said_by(text.replace(".Pin", ".pen"))
    assert {"LOCK", "DRIVE_EN", "VSENSE", "BUTTON", "CAN1_STB", "CAN_CS"} <= pins_of_firmware()


@pytest.mark.parametrize("name", BOARDS)
def test_the_board_has_every_pin_that_the_firmware_says_and_no_other(name: str) -> None:
    board, pins = BOARDS[name]
    said = pins_of_firmware()
    wanted = said - (OPTIONAL - OF_CONTROLLER[board.can.controller])
    assert wanted <= set(pins)
    for one in set(pins) - said:
        assert one in UNSAID, f"{one}: the firmware does not say it, and nothing here says why"
    assert set(UNSAID) <= {pin for _, others in BOARDS.values() for pin in others}
    assert {pin.signal for pin in pins.values()} <= set(ENDS)


@pytest.mark.parametrize("name", BOARDS)
def test_the_board_has_the_same_files_as_the_others(name: str) -> None:
    board, _ = BOARDS[name]
    folder = ROOT / "boards" / name
    wanted = {*FILES, BUILD.get(board.interpreter.port, "README.md")}
    assert wanted <= {path.name for path in folder.iterdir()}


def part_of(board: BoardDescription) -> dict[str, frozenset[str]]:
    return read_part(board.chip.package) if board.chip.package else {}


@pytest.mark.parametrize("name", BOARDS)
def test_every_pin_exists_is_free_held_and_can_do_its_work(name: str) -> None:
    board, pins = BOARDS[name]
    assert not pin_flaws(board, list(pins.values()), part_of(board))
    reserved = [pin for pins in board.reserved.values() for pin in pins]
    assert len(reserved) == len(set(reserved)), "reserved twice"
    assert set(board.wake.pins) <= {"BUTTON", *BUS_PINS}


@pytest.mark.parametrize(
    ("name", "pin", "change", "flaw"),
    [
        ("weact-h743", "LOCK", {"pin": "PF0"}, "row 7: LOCK: PF0 is no pin of stm32h743vi-lqfp100"),
        ("weact-h743", "LOCK", {"pin": "PB2"}, "row 7: LOCK: PB2 is taken: QSPI flash"),
        ("weact-h743", "LOCK", {"header": ""}, "row 7: LOCK: nobody says where PD8 comes out"),
        ("weact-h743", "VSENSE", {"pin": "PE8"}, "row 12: VSENSE: PE8 is not ADC"),
        ("weact-h743", "VSENSE", {"direction": "in"}, "row 12: VSENSE: cannot be in"),
        ("weact-h743", "CAN1_TX", {"pin": "PB13"}, "row 3: CAN1_TX: PB13 is not CAN1_TX"),
        ("weact-h743", "CAN1_RX", {"pin": "PB9"}, "row 2: CAN1_RX: PB9 is not CAN1_RX"),
        ("weact-h743", "BUTTON", {"pin": "PB10"}, "row 13: BUTTON: PB10 cannot wake the chip"),
        ("weact-h743", "BUTTON", {"direction": "out"}, "row 13: BUTTON: wakes the board and"),
        ("weact-h743", "BUTTON", {"name": "KNOB"}, "wake: no pin BUTTON"),
        ("weact-h743", "CAN1_STB", {"pull": "down"}, "row 5: CAN1_STB: must be pulled up"),
        ("virtual", "DRIVE_EN", {"pull": "up"}, "row 5: DRIVE_EN: must be pulled down"),
        ("raspberry-pi-pico-2-w", "CAN_SCK", {"pin": "GPIO12"}, "GPIO12 is not MATRIX or SPI1_SCK"),
        ("raspberry-pi-pico-2-w", "CAN_CS", {"pull": ""}, "row 6: CAN_CS: must be pulled up"),
    ],
)
def test_a_pin_that_is_wrong_is_told(
    name: str, pin: str, change: dict[str, str], flaw: str
) -> None:
    board, pins = BOARDS[name]
    spoilt = [replace(one, **change) if one.name == pin else one for one in pins.values()]
    found = pin_flaws(board, spoilt, part_of(board))
    assert len(found) == 1 and flaw in found[0]


def test_a_reserved_pin_that_the_package_lacks_is_told() -> None:
    board, pins = BOARDS["weact-h743"]
    spoilt = replace(board, reserved={"flash": ("PZ9",)})
    assert pin_flaws(spoilt, list(pins.values()), part_of(board)) == [
        "reserved.flash: PZ9 is no pin"
    ]


def test_the_application_fits_each_board_twice() -> None:
    files = collect_application(ROOT)
    bytecode = sum(len(file.data) for file in files if file.path.endswith(".mpy"))
    for board, _ in BOARDS.values():
        taken = needed(board, files)
        assert bytecode < taken <= room(board), f"{board.name}: {taken} of {room(board)}"


def test_room_on_littlefs_is_counted_in_blocks() -> None:
    board, _ = BOARDS["raspberry-pi-pico-2-w"]
    files = [
        board_file(path, data) for path, data in (("main.py", b"x"), ("a/b/c.mpy", b"x" * 4097))
    ]
    # One file of two blocks; three folders (the slot's own, a, a/b) of two blocks each.
    assert needed(board, files) == (2 + 3 * 2) * 4096


def test_the_pages_have_the_tables_of_the_descriptions() -> None:
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: python -m boards.tables"


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="must be there once"):
        replaced(BEGIN, page(*ALL[0]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns"),
        ("pin,what\n", "columns"),
        ("# source\npin,functions\nPA0\n", "line 3: is not a pin"),
        ("pin,functions\n,ADC\n", "line 2: is not a pin"),
        ("pin,functions\nPA0,ADC\n# more\nPA0,\n", "line 4: PA0 is listed twice"),
    ],
)
def test_refuses_a_wrong_part(text: str, message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        decode_part(text, "part.csv")


def test_every_part_says_where_its_facts_come_from_and_is_used() -> None:
    packages = {board.chip.package for board, _ in BOARDS.values()} - {""}
    assert {path.stem for path in FOLDER.glob("*.csv")} == packages
    for path in FOLDER.glob("*.csv"):
        assert "Source: data sheet" in path.read_text(encoding="utf-8")
