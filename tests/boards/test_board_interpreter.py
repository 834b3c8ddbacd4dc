"""What a board's interpreter is built from: pins.csv, trifleet_board.py, folder, manifest.py."""

import ast
import shutil
import sys
from functools import cache
from pathlib import Path

import pytest

from boards import frozen, interpreter, micropython_pins
from boards.errors import BoardError, DescriptionError
from boards.frozen import BOARDS, frozen_module
from boards.pins import read_pins
from boards.tables import read_boards

ROOT = BOARDS.parent
REAL = {board.name: (board, pins) for board, pins in read_boards() if board.status != "virtual"}
# What every port has built in; all else has to be frozen or required.
BUILT_IN = {
    "__main__", "array", "asyncio", "binascii", "collections", "errno", "gc", "hashlib", "io",
    "json", "machine", "math", "micropython", "os", "random", "select", "struct", "sys", "time",
    "uctypes", "vfs",
}  # fmt: skip


def decode_theirs(text: str) -> dict[str, str]:
    """As MicroPython's tools/boardgen.py reads it: `name,pin`, a hyphen hides, # is a comment."""
    rows = [line.split(",") for line in text.splitlines() if line and not line.startswith("#")]
    assert all(len(row) == 2 for row in rows)
    names = [row[0] for row in rows if row[0]]
    assert len(names) == len(set(names)), "a name twice"
    return {row[0].lstrip("-"): row[1].lstrip("-") for row in rows}


@pytest.mark.parametrize("name", REAL)
def test_micropython_finds_every_pin_by_its_name(name: str) -> None:
    board, pins = REAL[name]
    theirs = "# theirs\nUSB_DM,-PA11\n-HIDDEN,PA12\n,PB2\n"
    found = decode_theirs(micropython_pins.micropython_pins(board, pins, theirs))
    assert found | {"USB_DM": "PA11", "HIDDEN": "PA12"} == found
    assert {pin.name: pin.pin for pin in pins}.items() <= found.items()


def test_a_name_that_is_theirs_already() -> None:
    board, pins = REAL["raspberry-pi-pico-2-w"]
    found = decode_theirs(
        micropython_pins.micropython_pins(board, pins, "LED,EXT_GPIO0\nGP0,GPIO0\n")
    )
    assert found["LED"] == "GPIO15" and found["GP0"] == "GPIO0"
    board, pins = REAL["weact-h743"]
    with pytest.raises(DescriptionError, match="LED is PA1 in MicroPython's own"):
        micropython_pins.micropython_pins(board, pins, "LED,PA1\n")
    assert (
        decode_theirs(micropython_pins.micropython_pins(board, pins, "LED,PE3\n"))["LED"] == "PE3"
    )


def test_a_pin_that_the_port_cannot_name() -> None:
    board, _ = REAL["weact-h743"]
    with pytest.raises(DescriptionError, match="GPIO2 is no pin of stm32"):
        micropython_pins.micropython_pins(board, REAL["esp32-s3"][1][-2:], "")


@pytest.mark.parametrize("name", REAL)
def test_the_frozen_module_says_what_board_it_is(name: str) -> None:
    found: dict[str, object] = {}
    exec(frozen_module(REAL[name][0]), found)
    can = REAL[name][0].can
    assert found["NAME"] == name and found["CAN"] == can.controller and found["STANDBY"] == 1
    assert [found[key] for key in ("NUMBER", "RATE_HZ", "CRYSTAL_HZ")] == [
        can.number,
        can.rate_hz,
        can.crystal_hz,
    ]


@pytest.fixture
def micropython(tmp_path: Path) -> Path:
    """A checkout of MicroPython, as far as a board's folder needs it."""
    for board, _ in REAL.values():
        theirs = tmp_path / "ports" / board.interpreter.port / "boards"
        (theirs / board.interpreter.definition).mkdir(parents=True)
        (theirs / "manifest.py").write_text("")
        for file in ("mpconfigboard.h", "mpconfigboard.mk", "bdev.c", "stm32_hal_conf.h"):
            (theirs / board.interpreter.definition / file).write_text("/* theirs */\n")
        (theirs / board.interpreter.definition / "pins.csv").write_text("THEIRS,PH0\n")
    return tmp_path


class Manifest:
    """The functions of MicroPython's manifest files; every path must be there."""

    def __init__(self, folder: Path, port: Path) -> None:
        self._folder, self._port = folder, port
        self.frozen: set[str] = set()
        self.required: set[str] = set()

    def run(self) -> None:
        functions = {"include": self.include, "module": self.module, "require": self.require}
        exec((self._folder / "manifest.py").read_text(), functions)

    def include(self, path: str) -> None:
        assert path.startswith("$(PORT_DIR)/") and "$" not in path[1:]
        assert (self._port / path.removeprefix("$(PORT_DIR)/")).is_file(), path

    def module(self, name: str) -> None:
        assert (self._folder / name).is_file(), name
        self.frozen.add(name.removesuffix(".py"))

    def require(self, name: str) -> None:
        self.required.add(name)


@pytest.mark.parametrize("name", REAL)
def test_the_folder_holds_all_that_the_build_needs(
    name: str, micropython: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board, _ = REAL[name]
    out = tmp_path / "out"
    arguments = [name, "--micropython", str(micropython), "--out", str(out)]
    assert interpreter.main(arguments) == 0
    assert "BOARD_DIR=" in capsys.readouterr().out
    assert decode_theirs((out / "pins.csv").read_text()).items() >= {("THEIRS", "PH0")}
    wanted = f'#include "boards/{board.interpreter.definition}/bdev.c"\n'
    assert (out / "bdev.c").read_text() == wanted
    assert (out / "trifleet_board.py").read_text() == frozen_module(board)
    ours = (out / "mpconfigboard.h").read_text()
    assert f'#include "boards/{board.interpreter.definition}/mpconfigboard.h"' in ours
    manifest = Manifest(out, micropython / "ports" / board.interpreter.port)
    manifest.run()
    assert manifest.frozen == {"trifleet_board"}
    assert imports_of_firmware() - BUILT_IN - manifest.frozen <= manifest.required
    assert interpreter.main(arguments) == 1  # it is not empty any more
    assert "not empty" in capsys.readouterr().err


def test_a_board_whose_pins_are_wrong_is_not_built(
    micropython: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "boards"
    shutil.copytree(BOARDS / "weact-h743", copy / "weact-h743")
    path = copy / "weact-h743" / "pins.csv"
    path.write_text(path.read_text().replace("LOCK,PD8,", "LOCK,PB2,"))
    monkeypatch.setattr(frozen, "BOARDS", copy)
    with pytest.raises(DescriptionError, match=r"pins\.csv: row 7: LOCK: PB2 is taken"):
        interpreter.make_folder("weact-h743", micropython, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@cache
def imports_of_firmware() -> set[str]:
    """Modules beside our own."""
    out: set[str] = set()
    for path in [*(ROOT / "firmware").rglob("*.py"), *(ROOT / "protocol").rglob("*.py")]:
        tree = ast.parse(path.read_text())
        drop_types(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                out |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                out.add(str(node.module).split(".")[0])
    return out - {"vcu", "protocol"}


def drop_types(tree: ast.Module) -> None:
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]


def test_what_is_asked_for_wrongly_is_told(
    micropython: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert micropython_pins.main(["weact-h743"]) == 0
    text = capsys.readouterr().out
    assert decode_theirs(text) == {p.name: p.pin for p in read_pins(BOARDS / "weact-h743")}
    assert micropython_pins.main(["virtual"]) == 1
    assert "port unix has no pins.csv" in capsys.readouterr().err
    assert micropython_pins.main(["weact-h743", "--micropython", str(tmp_path / "no")]) == 1
    assert "is it MicroPython" not in capsys.readouterr().out
    assert frozen.main(["weact"]) == 1
    assert "there are adafruit-feather-stm32f405" in capsys.readouterr().err
    assert frozen.main([]) == 2
    with pytest.raises(BoardError, match="no definition of a board"):
        interpreter.make_folder("weact-h743", tmp_path / "elsewhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert sys.modules["boards.frozen"] is frozen
