"""Every board of boards/: its pins exist, can do what they must, and are those that the firmware
says; its files are there; its flash has room for the application; its pages are up to date."""

import ast
import re
from pathlib import Path

import pytest

from boards.checks import BUS_PINS
from boards.description import BoardDescription
from boards.errors import DescriptionError
from boards.micropython_pins import PORTS
from boards.parts import FOLDER, decode_part, read_part
from boards.pins import BoardPin
from boards.tables import BEGIN, ENDS, page, pages, read_boards, replaced
from workbench.application import board_file, collect_application
from workbench.room import needed, room

ROOT = Path(__file__).resolve().parents[2]
ALL = read_boards()
BOARDS = {board.name: (board, {pin.name: pin for pin in pins}) for board, pins in ALL}
REAL = [name for name, (board, _) in BOARDS.items() if board.status != "virtual"]
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
# What the pin of each of these must be able to do; SPI by the number of board.toml.
NEEDS = {
    "CAN1_TX": {"CAN{0}_TX"},
    "VSENSE": {"ADC"},
    "CAN_SCK": {"SPI{0}_SCK", "MATRIX"},
    "CAN_MOSI": {"SPI{0}_MOSI", "MATRIX"},
    "CAN_MISO": {"SPI{0}_MISO", "MATRIX"},
}
# Held low or high while the chip does nothing: what would move, sound or speak by itself.
HELD = {
    "DRIVE_EN": "down",
    "LOCK": "down",
    "DOOR": "down",
    "LIGHTS": "down",
    "HORN": "down",
    "BUTTON": "down",
}


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


@pytest.mark.parametrize("name", REAL)
def test_every_pin_exists_is_free_and_can_do_its_work(name: str) -> None:
    board, pins = BOARDS[name]
    part = read_part(board.chip.package)
    taken = {pin: what for what, reserved in board.reserved.items() for pin in reserved}
    assert set(taken) <= set(part), "reserved pins that the package has not"
    assert len(taken) == sum(map(len, board.reserved.values())), "reserved twice"
    for pin in pins.values():
        assert pin.pin in part, f"{pin.pin} is no pin of {board.chip.package}"
        assert pin.pin not in taken, f"{pin.name} is on {pin.pin}, which {taken.get(pin.pin)} needs"
        assert PORTS[board.interpreter.port].fullmatch(pin.pin)
        assert pin.header, f"{pin.name}: nobody knows where {pin.pin} comes out"
        assert_able(board, pin, part[pin.pin])


def assert_able(board: BoardDescription, pin: BoardPin, able: frozenset[str]) -> None:
    wanted = {one.format(board.can.number) for one in NEEDS.get(pin.name, set())}
    if pin.name == "CAN1_RX" and board.can.controller == "machine.CAN":
        wanted = {f"CAN{board.can.number}_RX"}
    assert not wanted or wanted & able, f"{pin.name}: {pin.pin} is none of {sorted(wanted)}"
    assert pin.name not in board.wake.pins or "WKUP" in able, f"{pin.pin} cannot wake"
    assert (pin.direction == "analog") == (pin.name == "VSENSE")


@pytest.mark.parametrize("name", BOARDS)
def test_lines_are_held_while_the_chip_does_nothing(name: str) -> None:
    board, pins = BOARDS[name]
    standby = {"high": "up", "low": "down"}[board.can.standby_level]
    assert pins["CAN1_STB"].pull == standby and pins["CAN1_STB"].direction == "out"
    for one, pull in HELD.items():
        assert pins[one].pull == pull, one
    if board.can.controller == "mcp2518fd":
        assert pins["CAN_CS"].pull == pins["CAN_INT"].pull == "up"
    assert set(board.wake.pins) <= set(pins)
    for one in board.wake.pins:
        assert pins[one].direction == "in" and one in {"BUTTON", *BUS_PINS}


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
