"""4,000 frames a second for a minute, while a collection stops the loop for 10 ms each 100 ms."""

import json
import subprocess
import sys
from pathlib import Path

import can_load
import pytest

ROOT = Path(__file__).resolve().parents[2]
MICROPYTHON = Path(sys.executable).with_name("micropython")
H7, F4 = 24, 3
FAULTS = (
    "wrong_crc", "wrong_length", "wrong_range", "repeated", "skipped", "too_fast", "unknown",
    "refused", "dropped", "bus_offs",
)  # fmt: skip


def on_micropython(depth, held, seconds):
    """With real collections; they cost nothing of the simulated time."""
    done = subprocess.run(
        [MICROPYTHON, Path(__file__).with_name("can_load.py"), str(depth), held, str(seconds)],
        env={"MICROPYPATH": f"{ROOT / 'firmware'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def assert_nothing_is_lost(outcome, seconds):
    assert outcome["frames"] == 4_000 * seconds
    assert outcome["passed"] == outcome["taken"] > 1_000 * seconds
    assert outcome["lost"] == outcome["overruns"] == outcome["ring_overflows"] == 0
    assert outcome["messages"] > 4 * seconds and outcome["garbled"] == 0
    assert {name: outcome[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)


@pytest.mark.slow
def test_the_fifo_of_an_h7_lasts_while_interrupts_are_held_back():
    assert_nothing_is_lost(can_load.run(H7, True, 60), 60)


@pytest.mark.slow
@pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython here")
def test_handlers_run_during_real_collections():
    assert_nothing_is_lost(on_micropython(H7, "free", 60), 60)


def test_handlers_that_run_during_a_collection_spare_the_smallest_fifo():
    assert_nothing_is_lost(can_load.run(F4, False, 5), 5)


@pytest.mark.slow
def test_what_the_fifo_of_an_f4_loses_is_counted_to_the_frame():
    outcome = can_load.run(F4, True, 60)
    assert outcome["lost"] > 100
    assert outcome["overruns"] == outcome["lost"] == outcome["passed"] - outcome["taken"]
    assert outcome["ring_overflows"] == outcome["garbled"] == 0
    # Lost frames of the table show in their alive counters as well; nothing else is wrong.
    assert outcome["skipped"] > 0
    assert not any(outcome[name] for name in FAULTS if name != "skipped")


def test_a_ring_that_is_too_short_would_be_noticed(monkeypatch):
    monkeypatch.setattr(can_load.Port.__init__.__globals__["Ring"].__init__, "__defaults__", (8,))
    outcome = can_load.run(H7, False, 1)
    assert outcome["ring_overflows"] == outcome["passed"] - outcome["taken"] > 0


@pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython here")
def test_both_interpreters_count_the_same():
    assert on_micropython(F4, "held", 5) == can_load.run(F4, True, 5)
