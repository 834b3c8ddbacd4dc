"""The life cycle on the virtual board: crashes, update mode, sleep, the cable."""

import contextlib
import os
import select
import time
from unittest.mock import patch

import pytest
import serial
from life_stand import SHORT_REST, Images, changed, stands, volts
from signer import STRANGER, by_owner

from hw.virtual_bus.client import SlcanClient
from protocol import command, lock
from workbench.bench import on_bench
from workbench.cable import Cable, CableAnswer
from workbench.flash import flash_application

pytestmark = pytest.mark.slow

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
SHORT_SLEEP = [
    *SHORT_REST,
    ("vcu/power.py", "LOOK_MS = (0, 0, 1_800_000, 3_600_000, 21_600_000)", "LOOK_MS = (700,) * 5"),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return Images(tmp_path_factory.mktemp)


@pytest.fixture
def make_stand(images, tmp_path):
    with stands(images, tmp_path) as make:
        yield make


def exists(stand, name):
    with on_bench(stand.board.tty) as bench:
        return bench.files.exists(name)


def counted(number):
    """The file `crashes` after so many starts that did not last."""
    return bytes((number, number ^ 0xFF))


def test_after_five_crashes_it_starts_small_and_is_unlocked_by_cable(make_stand):
    stand = make_stand(BROKEN, [("crashes", counted(4))])
    # One more crash in telemetry, then a start without it.
    stand.wait(lambda: stand.board.boots >= stand.held_boots + 2)
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
    stand = make_stand(BROKEN)
    with started_with(stand, "crashes", counted(10), b"too often"):
        pass
    boots = stand.board.boots
    assert stand.is_silent(1.5) and stand.board.boots == boots
    # Nor after a reset, nor after the power was off.
    stand.board.power_cut()
    assert stand.is_silent(1.5)
    flash_application(stand.board.tty, changed(tmp_path), confirm=False)
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


@contextlib.contextmanager
def started_with(stand, name, data, words):
    """The line after a start with this file that says these words. What nobody reads is lost, and
    a tool that lets go of a board reads what it says at first."""
    line = os.open(stand.board.tty, os.O_RDWR | os.O_NOCTTY)
    try:
        with patch("workbench.bench.ANSWERED_WITHIN_S", 0.0):
            stand.put(name, data)
        hear(line, words)
        yield line
    finally:
        os.close(line)


def hear(line, words):
    heard = b""
    end_s = time.monotonic() + WITHIN_S
    while words not in heard:
        assert select.select([line], [], [], max(0.0, end_s - time.monotonic()))[0], heard
        heard += os.read(line, 4096)


def test_update_mode_is_silent_and_ends_by_itself(make_stand):
    stand = make_stand(SHORT_LIFE)
    with started_with(stand, "update", b"", b"waiting for a tool"):
        pass
    assert stand.is_silent(0.5)
    stand.talks()
    assert not exists(stand, "update")


def test_a_tool_works_in_update_mode_as_long_as_it_likes(make_stand):
    stand = make_stand(SHORT_LIFE)
    with started_with(stand, "update", b"", b"waiting for a tool") as line:
        os.write(line, b"\x03")
        hear(line, b">>> ")
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
