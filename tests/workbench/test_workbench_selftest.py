"""The self-test on the bench finds each broken part, and does not blame what is not there."""

import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards.virtual import VirtualBoard, VirtualBoardSettings
from hw.virtual_bus import VirtualBus
from hw.virtual_bus.client import SlcanClient
from protocol import can
from workbench.bench import on_bench
from workbench.errors import NoApplicationError, ReplyError, SelfTestError
from workbench.flash import flash_application
from workbench.selftest import (
    ABSENT,
    FAIL,
    IN_VEHICLE,
    MEANINGS,
    PASS,
    SelfTest,
    TestStep,
    decode_steps,
    judge,
    self_test,
    test_on,
)

test_on.__test__ = False  # type: ignore[attr-defined]
TestStep.__test__ = False  # type: ignore[attr-defined]
# Boards that start: begun early, so that the check does not wait for them at its end.
pytestmark = pytest.mark.slow

TEN_YEARS_S = 3_652 * 86_400
FULL = """
for _size in (65536, 4096, 1024):
    try:
        for _number in range(64):
            with open("full-%d-%d" % (_size, _number), "wb") as _file:
                _file.write(bytes(_size))
    except OSError:
        pass
"""


@pytest.fixture(scope="module")
def flashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tmp_path_factory.mktemp("flashed") / "flash.img"
    with VirtualBoard(VirtualBoardSettings(image)) as board:
        with pytest.raises(NoApplicationError, match="no module named 'vcu'"):
            self_test(board.tty)
        flash_application(board.tty)
    return image


@pytest.fixture
def copy(flashed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(flashed, tmp_path / "flash.img"))


def results(found: SelfTest) -> dict[str, int]:
    return {step.name: step.result for step in found.steps}


def test_a_bare_board_on_a_table_passes_and_would_not_in_a_vehicle(copy: Path) -> None:
    with VirtualBoard(VirtualBoardSettings(copy)) as board:
        found = self_test(board.tty)
    assert found.failed == ()
    assert {name for name, result in results(found).items() if result == ABSENT} == IN_VEHICLE
    assert set(results(found)) == set(MEANINGS)
    in_vehicle = judge(found.steps, IN_VEHICLE)
    assert set(in_vehicle.failed) == IN_VEHICLE
    with pytest.raises(SelfTestError, match="bolt"):
        in_vehicle.check()


def test_what_is_broken_fails_by_its_name_and_the_rest_is_tested_all_the_same(copy: Path) -> None:
    settings = VirtualBoardSettings(copy, env={"TRIFLEET_BROKEN": "can"})
    with VirtualBoard(settings) as board:
        board.set_pin("LOCK_SENSE", 0)  # a bolt that does not move
        board.set_analog("VSENSE", 16_550)  # 5 V
        board.set_clock_offset(-TEN_YEARS_S * 2)
        with on_bench(board.tty) as bench:
            bench.repl.exec(FULL, timeout_s=30)
            found = test_on(bench)
    assert set(found.failed) == {"flash", "clock", "supply", "can_loopback", "bolt"}
    assert results(found)["random"] == PASS
    (bolt,) = (step for step in found.steps if step.name == "bolt")
    assert bolt.line().startswith("FAILED: the bolt moved")
    assert "-> free the bolt" in bolt.line()


def test_a_node_that_speaks_wrongly_fails_and_a_panel_that_nobody_saw(copy: Path) -> None:
    with VirtualBus() as bus, speaking(bus.port) as values:
        values["MC_Status1"] = b"\x00" * 8  # a wrong CRC
        values["BMS_Pack"] = can.encode("BMS_Pack", {"Soc_permille": 812}, 3)
        settings = VirtualBoardSettings(copy, can_port=bus.port, wires={"LOCK_SENSE": "LOCK"})
        with VirtualBoard(settings) as board:
            found = self_test(board.tty, panel_seen=lambda: False)
    assert found.failed == ("speed", "panel")
    steps = {step.name: step for step in found.steps}
    assert (steps["pack"].result, steps["pack"].value) == (PASS, 812)
    assert (steps["dash"].result, steps["bolt"].result) == (ABSENT, PASS)


class speaking:  # noqa: N801 - a context manager
    """Sends `values`, by the names of their messages, for as long as it lasts."""

    def __init__(self, port: int) -> None:
        self._client = SlcanClient(port)
        self._values: dict[str, bytes] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._speak)

    def __enter__(self) -> dict[str, bytes]:
        self._thread.start()
        return self._values

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._client.close()

    def _speak(self) -> None:
        while not self._end.wait(0.05):
            for name, data in tuple(self._values.items()):
                row = can.MESSAGES.row(name)
                self._client.send(can.identifier_of(row), data)


@given(st.binary(max_size=60))
def test_nonsense_from_the_board_is_a_bad_reply_and_nothing_else(data: bytes) -> None:
    try:
        steps = decode_steps(data)
    except ReplyError:
        return
    assert all(step.result in (PASS, FAIL, ABSENT) for step in steps)


def test_a_step_that_the_board_leaves_out_has_failed() -> None:
    passed = [TestStep(at, name, PASS, 1, "") for at, name in enumerate(MEANINGS, 1)]
    assert judge(passed, IN_VEHICLE).failed == ()
    without = [step for step in passed if step.name != "can_loopback"]
    assert judge(without, frozenset()).failed == ("can_loopback",)
