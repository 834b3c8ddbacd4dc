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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('mcu = "', 'cpu = "'), "unknown: cpu"),
        (('radio = ""', ""), "missing: radio"),
        (("ram_bytes = 196608", "ram_bytes = true"), "ram_bytes"),
        (("ram_bytes = 196608", 'ram_bytes = "much"'), "ram_bytes"),
        (('status = "virtual"', 'status = "good"'), "status"),
        (("usb_ids = []", "usb_ids = [1]"), "usb_ids"),
        (("usb_ids = []", "usb_ids = ["), "board.toml: "),
    ],
)
def test_refuses_a_wrong_description(change: tuple[str, str], message: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(DescriptionError, match=message):
        description.decode_description(GOOD.replace(*change), "board.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns"),
        ("signal,pin\n", "columns"),
        ("signal,pin,direction,note\na,B,in\n", "row 2: 3 fields"),
        ("signal,pin,direction,note\na,,in,\n", "row 2: .* empty"),
        ("signal,pin,direction,note\na,B,up,\n", "row 2: direction"),
        ("signal,pin,direction,note\na,B,in,\nb,B,in,\n", "pin listed twice: B"),
        ("signal,pin,direction,note\na,B,in,\na,C,in,\n", "signal listed twice: a"),
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
        pins.decode_pins("signal,pin,direction,note\n" + text, "file")
    except DescriptionError:
        return
