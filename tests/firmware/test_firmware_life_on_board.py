"""The life cycle on the virtual board: crashes, update mode, sleep, the cable. Times are shortened
in the application that is flashed; nothing else of it is changed."""

import contextlib
import itertools
import shutil
import time
from pathlib import Path

import pytest
import serial
from bench import KEY, VEHICLE
from signer import OWNER, STRANGER, by_owner

from boards.virtual import VirtualBoard, VirtualBoardSettings
from hw.virtual_bus import VirtualBus
from hw.virtual_bus.client import SlcanClient
from protocol import can, command, lock
from workbench.application import collect_application
from workbench.bench import on_bench
from workbench.cable import Cable, CableAnswer
from workbench.flash import flash_application
from workbench.identity import Identity
from workbench.provision import provision

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 20.0
BROKEN = [
    (
        "vcu/telemetry.py",
        "def tick(self, now_ms: int) -> None:",
        "def tick(self, now_ms: int) -> None:\n        raise KeyError('broken')",
    )
]
SHORT_LIFE = [
    ("vcu/start.py", "HEALTHY_MS = 60_000", "HEALTHY_MS = 1_000"),
    ("vcu/start.py", "UPDATE_MS = 600_000", "UPDATE_MS = 1_500"),
]
SHORT_REST = [
    ("vcu/power.py", "REST_MS = (600_000, 60_000, 10_000, 10_000)", "REST_MS = (1,) * 4"),
    ("vcu/power.py", "QUIET_MS = 10_000", "QUIET_MS = 2_000"),
    ("vcu/power.py", "HOLD_MS = 60_000", "HOLD_MS = 1"),
    ("vcu/app.py", "LOOK_MS = 1_000", "LOOK_MS = 100"),
]
SHORT_SLEEP = [
    *SHORT_REST,
    ("vcu/power.py", "LOOK_MS = (0, 0, 1_800_000, 3_600_000, 21_600_000)", "LOOK_MS = (700,) * 5"),
]


class Stand:
    """A provisioned board on a bus with nobody else. `frames`: (name, signals) of the VCU."""

    def __init__(self, bus, board):
        self.bus = bus
        self.board = board
        self.frames = []
        self._tap = bus.attach(self._take, {0x050, 0x0A0, 0x701})

    def _take(self, identifier, data):
        self.frames.append(can.decode(identifier, data))

    def wait(self, condition, what="it did not happen"):
        end_s = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < end_s, what
            time.sleep(0.005)

    def talks(self):
        self.frames.clear()
        self.wait(lambda: any(frame[0] == "VCU_Heartbeat" for frame in self.frames), "no heartbeat")

    def is_silent(self, seconds=0.7):
        self.frames.clear()
        time.sleep(seconds)
        return not self.frames

    def state(self):
        return next(f[1]["State"] for f in reversed(list(self.frames)) if f[0] == "VCU_Lock")

    def put(self, name, data):
        with on_bench(self.board.tty) as bench:
            bench.files.write(name, data)

    def close(self):
        self._tap.close()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Flash images of boards with such an application, provisioned; each made once."""
    made = {}

    def make(changes):
        name = str(changes)
        if name not in made:
            folder = tmp_path_factory.mktemp("image")
            made[name] = folder / "flash.img"
            with VirtualBoard(VirtualBoardSettings(image=made[name])) as board:
                board.set_analog("VSENSE", volts(12.7))
                flash_application(board.tty, changed(folder, *changes))
                identity = Identity(VEHICLE, OWNER.thumbprint, KEY, int(time.time()) - 3600)
                provision(board.tty, identity)
        return made[name]

    return make


@pytest.fixture
def make_stand(images, tmp_path):
    """A board with the application changed so, the files put on it, the supply as it is."""
    with contextlib.ExitStack() as stack:

        def make(changes, files=(), supply_v=12.7):
            image = shutil.copy(images(changes), tmp_path / "flash.img")
            bus = stack.enter_context(VirtualBus("127.0.0.1", port=0))
            settings = VirtualBoardSettings(image=Path(image), can_port=bus.port)
            board = stack.enter_context(VirtualBoard(settings))
            board.set_analog("VSENSE", volts(supply_v))
            made = Stand(bus, board)
            stack.callback(made.close)
            for name, data in files:
                made.put(name, data)
            return made

        yield make


def changed(tmp_path, *changes):
    """The application of this checkout with these places of its sources changed."""
    checkout = tmp_path / f"checkout{len(list(tmp_path.iterdir()))}"
    for folder in ("firmware", "protocol"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, checkout / folder, ignore=ignore)
    for name, old, new in itertools.chain(changes, with_minimal(checkout)):
        path = checkout / "firmware" / name
        text = path.read_text()
        assert old in text, (name, old)
        path.write_text(text.replace(old, new, 1))
    return collect_application(checkout)


def with_minimal(checkout):
    """Vcu takes `minimal` where it does not yet: no telemetry."""
    if "minimal" in (checkout / "firmware/vcu/vcu.py").read_text():
        return []
    begin = "software: bytes, now_ms: int"
    return [
        ("vcu/vcu.py", begin, begin + ", minimal: bool = False"),
        (
            "vcu/vcu.py",
            "        journal = Jou",
            "        self._minimal = minimal\n        journal = Jou",
        ),
        ("vcu/vcu.py", "self._telemetry.tick(", "self._minimal or self._telemetry.tick("),
    ]


def exists(stand, name):
    with on_bench(stand.board.tty) as bench:
        return bench.files.exists(name)


def counted(number):
    """The file `crashes` after so many starts that did not last."""
    return bytes((number, number ^ 0xFF))


def test_after_five_crashes_it_starts_small_and_is_unlocked_by_cable(make_stand):
    stand = make_stand(BROKEN, [("crashes", counted(4))])
    # One more crash in telemetry, then a start without it.
    boots = stand.board.boots
    stand.wait(lambda: stand.board.boots >= boots + 2)
    stand.talks()
    boots = stand.board.boots
    with Cable(stand.board.tty) as cable:
        given = cable.challenge()
        assert given.seconds <= 30
        assert cable.present(by_owner(given.challenge, signer=STRANGER)) == CableAnswer(
            15, "SIGNATURE"
        )
        assert cable.present(by_owner(given.challenge)) == CableAnswer(3, "CHALLENGE")
        assert cable.present(b"\x80") == CableAnswer(1, "MALFORMED")
        assert cable.present(by_owner(cable.challenge().challenge)) == CableAnswer(0)
        stand.wait(lambda: stand.state() == lock.READY)
        # Nobody says how fast it goes: that counts as moving.
        asked = by_owner(cable.challenge().challenge, command.LOCK)
        assert cable.present(asked) == CableAnswer(0, pending=True)
    assert stand.board.boots == boots


def test_after_ten_crashes_it_waits_for_a_tool_and_new_software_starts(make_stand, tmp_path):
    stand = make_stand(BROKEN, [("crashes", counted(10))])
    with serial.Serial(stand.board.tty, timeout=WITHIN_S) as port:
        assert b"crashed too often" in port.read_until(b"too often")
    boots = stand.board.boots
    assert stand.is_silent(1.5) and stand.board.boots == boots
    # Nor after a reset, nor after the power was off.
    stand.board.power_cut()
    assert stand.is_silent(1.5)
    flash_application(stand.board.tty, changed(tmp_path))
    stand.talks()


def test_a_start_that_lasts_is_forgotten(make_stand):
    stand = make_stand(SHORT_LIFE, [("crashes", counted(3))])
    stand.talks()
    stand.wait(lambda: not_counted(stand))


def not_counted(stand):
    # The power goes, so that nothing but the firmware itself takes the count away.
    time.sleep(1.5)
    stand.board.power_cut()
    with serial.Serial(stand.board.tty, timeout=1) as port:
        port.write(b"\r\x03")
    return count(stand) <= 1


def count(stand):
    with on_bench(stand.board.tty) as bench:
        return bench.files.read("crashes")[0] if bench.files.exists("crashes") else 0


def test_update_mode_is_silent_and_ends_by_itself(make_stand):
    stand = make_stand(SHORT_LIFE, [("update", b"")])
    with serial.Serial(stand.board.tty, timeout=WITHIN_S) as port:
        assert b"update mode" in port.read_until(b"tool")
    assert stand.is_silent(0.5)
    stand.talks()
    assert not exists(stand, "update")


def test_a_tool_works_in_update_mode_as_long_as_it_likes(make_stand):
    stand = make_stand(SHORT_LIFE, [("update", b"")])
    with serial.Serial(stand.board.tty, timeout=WITHIN_S) as port:
        assert b"update mode" in port.read_until(b"tool")
        port.write(b"\x03")
        assert b">>> " in port.read_until(b">>> ")
    boots = stand.board.boots
    assert stand.is_silent(2.0) and stand.board.boots == boots
    stand.board.reset()
    stand.talks()


def test_sleeps_when_the_bus_is_silent_and_a_frame_wakes_it(make_stand):
    stand = make_stand(SHORT_REST)
    stand.wait(lambda: stand.board.asleep)
    assert stand.is_silent()
    with SlcanClient(stand.bus.port) as client:
        while stand.board.asleep:
            client.send(0x500, bytes(8))
            time.sleep(0.02)
    stand.wait(lambda: not stand.board.asleep)
    assert stand.board.reset_cause == 4
    stand.talks()
    assert stand.state() == lock.LOCKED
    # Sleep is no crash, and a press of the button is a reason to wake, too.
    stand.wait(lambda: stand.board.asleep)
    stand.board.set_pin("BUTTON", 1)
    stand.wait(lambda: not stand.board.asleep)
    stand.talks()
    assert count(stand) <= 1


def test_the_timer_looks_at_the_supply_and_it_sleeps_on(make_stand):
    stand = make_stand(SHORT_SLEEP)
    stand.wait(lambda: stand.board.asleep)
    boots = stand.board.boots
    stand.frames.clear()
    stand.wait(lambda: stand.board.boots >= boots + 3)
    assert not stand.frames  # woken three times, and not a word


def test_an_empty_battery_is_left_alone_until_somebody_charges_it(make_stand):
    stand = make_stand(SHORT_SLEEP, supply_v=10.9)
    stand.wait(lambda: stand.board.asleep)
    stand.frames.clear()
    with SlcanClient(stand.bus.port) as client:
        for _ in range(20):
            client.send(0x500, bytes(8))
            stand.board.set_pin("BUTTON", 1)
            stand.board.set_pin("BUTTON", 0)
            time.sleep(0.05)
    assert not stand.frames
    stand.board.set_analog("VSENSE", volts(13.5))
    stand.talks()


def volts(value):
    return round(value * 1000 * 65_535 / 19_800)
