"""Nothing in the CAN cycle allocates on MicroPython, and this test can fail."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("can_cycle.py")
MICROPYTHON = Path(sys.executable).with_name("micropython")

pytestmark = pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython here")


def play(*arguments):
    return subprocess.run(
        [MICROPYTHON, SCRIPT, *arguments],
        env={"MICROPYPATH": f"{ROOT / 'firmware'}:{ROOT}"},
        capture_output=True,
        text=True,
    )


def test_the_cycle_runs_with_the_heap_locked():
    done = play()
    assert done.returncode == 0, done.stdout + done.stderr
    allocated, taken, fresh, sent, counters = json.loads(done.stdout)
    # Not even what is given back at once, such as the state of a large function.
    assert allocated == 0
    # It was no empty run: good frames, each fault, and values that waited and were replaced.
    assert taken > 500 and fresh == 850 and sent > 200
    for name in (
        "wrong_crc", "wrong_length", "repeated", "unknown", "remotes", "extended", "too_fast",
        "replaced", "refused",
    ):  # fmt: skip
        assert counters[name] > 0, name


@pytest.mark.parametrize("place", ["receive", "send", "interrupt"])
def test_an_allocation_in_it_is_noticed(place):
    done = play(place)
    assert done.returncode == 1
    assert "MemoryError: memory allocation failed, heap is locked" in done.stdout + done.stderr


def test_a_function_that_is_too_large_is_noticed():
    done = play("state")
    assert json.loads(done.stdout)[0] > 0
