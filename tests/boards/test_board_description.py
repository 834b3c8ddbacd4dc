"""board.toml and pins.csv: one schema for every board, strictly read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards import description, pins
from boards.errors import DescriptionError

BOARDS = Path(description.__file__).parent
FOLDERS = sorted(path.parent for path in BOARDS.glob("*/board.toml"))
GOOD = (BOARDS / "virtual" / "board.toml").read_text()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_board_keeps_to_the_schema(folder: Path) -> None:
    assert description.read_description(folder).name == folder.name
    assert pins.read_pins(folder)
    assert (folder / "README.md").exists()


# One change of a good description, the line that the message names, and what it says.
WRONG = [
    ('mcu = "', 'cpu = "', 9, "chip.cpu: unknown"),
    ('radio = ""', "", 1, "radio: missing"),
    ("ram_bytes = 229376", "ram_bytes = true", 11, "chip.ram_bytes: True is of the wrong kind"),
    ("ram_bytes = 229376", 'ram_bytes = "much"', 11, "wrong kind"),
    ("ram_bytes = 229376", "ram_bytes = 65536", 11, "less than 131072"),
    ("flash_bytes = 1572864", "flash_bytes = 1500000", 12, "less than files and application"),
    ('status = "virtual"', 'status = "good"', 4, "'good' is not one of reference"),
    ('status = "virtual"', 'status = "cheap"', 19, "every board but the virtual one has USB"),
    ('name = "virtual"', 'name = "Vir tual"', 2, "name: 'Vir tual'"),
    ('title = "Virtual board"', 'title = " "', 3, "title: is empty"),
    ('price = "none"', 'price = "99"', 5, "price"),
    ("usb_ids = []", "usb_ids = [1]", 19, "not a list of texts"),
    ("usb_ids = []", 'usb_ids = ["2341:055B"]', 19, "small hexadecimal"),
    ("touch_1200 = false", "touch_1200 = 0", 24, "wrong kind"),
    ('controller = "machine.CAN"', 'controller = "mcp2515"', 28, "mcp2515"),
    ('controller = "machine.CAN"', 'controller = "mcp2518fd"', 31, "20 or 40 MHz"),
    ("rate_hz = 0", "rate_hz = 1", 30, "rate of SPI or UART"),
    ("number = 1", "number = -1", 29, "negative"),
    ("receive_frames = 128", "receive_frames = 1", 32, "fewer than 3"),
    ('standby_level = "high"', 'standby_level = "on"', 34, "high, low"),
    ("form = 1", "form = 3", 37, "application.form"),
    ("room_bytes = 524288", "room_bytes = 524289", 39, "two slots of whole erase blocks"),
    ("bytes = 1048576", "bytes = 409600", 44, "leaves 409600 for the files"),
    ("bytes = 1048576", "bytes = 1048577", 44, "multiple of 4096"),
    ("bytes = 1048576\nerase_bytes = 4096", "bytes = 1048576\nerase_bytes = 131072", 45, "4096"),
    ('pins = ["BUTTON", "CAN1_RX"]', 'pins = ["BUTTON"]', 49, "what does not wake"),
    ("[reserved]", "[reserved]\nUSB = 1", 52, "reserved.USB"),
    ("[wake]", "[sleep]", 47, "sleep: unknown"),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), WRONG)
def test_refuses_a_wrong_description(old: str, new: str, line: int, message: str) -> None:
    assert old in GOOD
    with pytest.raises(DescriptionError) as caught:
        description.decode_description(GOOD.replace(old, new, 1), "board.toml")
    assert str(caught.value).startswith(f"board.toml: line {line}: ")
    assert message in str(caught.value)


def test_refuses_what_is_no_toml() -> None:
    with pytest.raises(DescriptionError, match=r"board\.toml: "):
        description.decode_description("name = [", "board.toml")


HEADER = ",".join(pins.COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns"),
        ("signal,pin\n", "columns"),
        (HEADER + "a,A,B,in\n", "row 2: 4 fields"),
        (HEADER + "a,A,,in,,,\n", "row 2: .* empty"),
        (HEADER + "a,,B,in,,,\n", "row 2: .* empty"),
        (HEADER + "a,A,B,up,,,\n", "row 2: direction"),
        (HEADER + "a,A,B,in,sideways,,\n", "row 2: pull"),
        (HEADER + "a,A,B,in,,,\nb,C,B,in,,,\n", "pin listed twice: B"),
        (HEADER + "a,A,B,in,,,\na,C,D,in,,,\n", "signal listed twice: a"),
        (HEADER + "a,A,B,in,,,\nb,A,D,in,,,\n", "name listed twice: A"),
    ],
)
def test_refuses_wrong_pins(text: str, message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        pins.decode_pins(text, "pins.csv")


@given(st.text())
def test_arbitrary_text_raises_the_packages_error_only(text: str) -> None:
    for decode in (description.decode_description, pins.decode_pins):
        with pytest.raises(DescriptionError):
            decode(text, "file")


@given(st.text(alphabet='signal,pndrectoe\n"\0'))
def test_arbitrary_pins_raise_the_packages_error_only(text: str) -> None:
    try:
        pins.decode_pins(HEADER + text, "file")
    except DescriptionError:
        return
