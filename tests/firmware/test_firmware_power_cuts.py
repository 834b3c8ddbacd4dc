"""Power cut at every operation of littlefs, in MicroPython: clean, torn, and again at the start
that follows; the same scenario with single operations that fail, on CPython."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from flaky_flash import FlakyFlash
from flash_scenario import (
    MOST_FILES,
    SEGMENT_BYTES,
    Expected,
    Trace,
    faults_found,
    play,
)
from vcu.flash import segments

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("power_cuts.py")
MICROPYTHON = Path(sys.executable).with_name("micropython")
SEEDS = (
    "one copy, removed first",
    "boot not counted",
    "forgotten too early",
    "file not closed",
    "counted when gone",
    "rights before the session",
    "named before it is whole",
)
ACTS = 150  # of the scenario, at least
OPERATIONS = 500

on_littlefs = pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython here")


def cuts(mode, stride, *fault):
    line = [MICROPYTHON, "-X", "heapsize=64M", SCRIPT, mode, str(stride), *fault]
    path = f"{ROOT / 'firmware'}:{ROOT}"
    done = subprocess.run(line, env={"MICROPYPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    found = json.loads(done.stdout)
    assert found["operations"] >= OPERATIONS or fault, found
    print(f"{mode}: {found['operations']} cut points, {found['starts']} starts")
    return found


@on_littlefs
def test_every_cut_leaves_what_was_said_to_be_durable():
    found = cuts("once", 1)
    assert found["wrong"] == []
    assert found["acts"] >= ACTS and found["starts"] == 2 * found["operations"] + 1


@on_littlefs
def test_a_second_cut_while_it_starts_again():
    found = cuts("twice", 40)
    assert found["wrong"] == [] and found["starts"] > OPERATIONS


@on_littlefs
def test_the_whole_vehicle_starts_after_a_cut():
    found = cuts("vehicle", 8)
    assert found["wrong"] == [] and found["starts"] > OPERATIONS // 5


@on_littlefs
@pytest.mark.parametrize("fault", SEEDS)
def test_a_fault_that_is_sown_is_found(fault):
    assert cuts("once", 2, fault)["wrong"]


@on_littlefs
@pytest.mark.faults
def test_every_second_cut_after_every_cut():
    found = cuts("twice", 1)
    assert found["wrong"] == [] and found["starts"] > 20 * OPERATIONS


@on_littlefs
@pytest.mark.faults
def test_the_whole_vehicle_starts_after_every_cut():
    assert cuts("vehicle", 1)["wrong"] == []


@pytest.fixture
def memory():
    """A folder in memory, where the machine has one: it stands for a flash, not for this disk."""
    place = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=place if place.is_dir() else None) as folder:
        yield Path(folder)


class Bench:
    """The scenario on a folder, with a flash that fails."""

    def __init__(self, folder, monkeypatch, **failing):
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setattr(segments, "SEGMENT_BYTES", SEGMENT_BYTES)
        self.flash = FlakyFlash(monkeypatch, **failing)
        self.trace = Trace(lambda: self.flash.count)

    def wrong(self):
        self.flash.heal()
        return faults_found(Expected(self.trace, self.flash.count), failing=True)


def operations(memory, monkeypatch):
    with monkeypatch.context() as patch:
        bench = Bench(memory / "whole", patch)
        play(bench.trace)
        assert bench.wrong() == []
        return bench.flash.count


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(("error", "stride"), [(5, 1), (28, 4)])
def test_every_operation_fails_once(memory, monkeypatch, stored, error, stride):
    """It failed; it failed but was stored anyway. The vehicle goes on, and what it says is true."""
    count = operations(memory, monkeypatch)
    assert count > ACTS
    for at in range(1, count + 1, stride):
        with monkeypatch.context() as patch:
            bench = Bench(memory / str(at), patch, fails_at=at, stored=stored, error=error)
            play(bench.trace)
            assert bench.wrong() == [], at


@pytest.mark.parametrize("stored", [False, True])
def test_every_operation_fails_from_one_on(memory, monkeypatch, stored):
    for at in range(1, operations(memory, monkeypatch), 5):
        with monkeypatch.context() as patch:
            bench = Bench(memory / str(at), patch, fails_at=at, stored=stored, for_good=True)
            play(bench.trace)
            assert bench.wrong() == [], at


def test_scenario_fills_more_files_than_there_may_be(memory, monkeypatch):
    with monkeypatch.context() as patch:
        bench = Bench(memory / "files", patch)
        play(bench.trace)
        kinds = [act[0] for act in bench.trace.acts]
    assert kinds.count("record") > 3 * MOST_FILES
    assert set(kinds) >= {"value", "identity", "boot", "record", "heard", "stored"}
    assert os.path.exists(memory / "files" / "mark")
