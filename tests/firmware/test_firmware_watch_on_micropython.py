"""Odometer, cross-check, telemetry, faults and health say the same in MicroPython."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from test_firmware_crosscheck import TICK_MS, Trip
from test_firmware_telemetry import EVERYTHING

from hw.model.gnss import GnssFaults

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("watch_script.py")
MICROPYTHON = Path(sys.executable).with_name("micropython")
PATH = f"{ROOT / 'firmware'}:{ROOT}"

pytestmark = pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython here")


class TracedTrip(Trip):
    """Writes down what wheel and receiver say."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.steps = []

    def _move(self, cruise_mps):
        super()._move(cruise_mps)
        if self.knows_wheel:
            self.steps.append(["roll", self.wheel_mmps(), TICK_MS])

    def _look(self):
        speed_mmps = self.wheel_mmps() if self.knows_wheel else None
        self.steps.append(
            ["look", self.now_ms, speed_mmps, self.fix(), self.clock_s + self.now_ms // 1000]
        )
        return super()._look()


def trip_steps(seed):
    trip = TracedTrip(seed=seed, route=seed, wheel=1.12 if seed % 2 else 1.0)
    chance = random.Random(seed)
    for _ in range(14):
        faults = chance.choice([
            {}, {"noise": 6}, {"dropped": True}, {"frozen": True}, {"walk_mps": (4.0, 1.0)},
            {"shift_m": (900.0, 0.0)}, {"hdop_d": 80},
        ])  # fmt: skip
        trip.receiver.faults = GnssFaults(**faults)
        trip.on_stand = chance.random() < 0.1
        trip.clock_s += chance.choice([0, 0, 0, 7, -90])
        trip.knows_wheel = chance.random() > 0.1
        trip.drive(chance.randrange(10, 150), chance.choice([0.0, 0.5, 6.0, 9.0]), **faults)
    trip.on_stand, trip.knows_wheel = False, True
    trip.drive(300, 8.0)  # enough for a judgement of the wheel
    return trip.steps, trip.seen


def vehicle_steps(seed):
    chance = random.Random(seed)
    signals = {name: dict(values) for name, values in EVERYTHING.items()}
    steps = [["signal", name, values] for name, values in signals.items()]
    for _ in range(60):
        name = chance.choice(sorted(signals))
        signal = chance.choice(sorted(signals[name]))
        if signal not in ("Fix", "Plugged", "Charging", "FaultCode"):
            signals[name][signal] = abs(signals[name][signal] + chance.randrange(-900, 900))
        steps += [
            ["signal", name, dict(signals[name]) if chance.random() > 0.1 else None],
            ["set", "motion", "speed_mmps", chance.choice([0, 0, 3_000, None])],
            ["set", "drive", "lock", chance.choice([0, 0, 0, 2])],
            ["set", "outbox", "away", chance.random() < 0.2],
            ["number", chance.choice(["missed", "bus_offs"]), chance.randrange(3)],
            ["run", chance.randrange(100, 20_000), chance.choice([0, 0, 1, 8]), True],
        ]
    return steps


def play(folder, steps):
    path = folder / "steps"
    path.write_text("".join(json.dumps(step) + "\n" for step in steps))
    outputs = []
    for line, environment in (
        ([MICROPYTHON, "-X", "heapsize=2m"], {"MICROPYPATH": PATH}),
        ([sys.executable], {"PYTHONPATH": PATH}),
    ):
        done = subprocess.run(
            [*line, SCRIPT, path], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[-300:] + done.stderr
        outputs.append([json.loads(text) for text in done.stdout.splitlines()])
    assert outputs[0] == outputs[1]
    return outputs[0]


def test_trips_with_every_fault(tmp_path):
    seen = 0
    for seed in range(6):
        steps, flags = trip_steps(seed)
        seen |= flags
        assert len(play(tmp_path, steps)) == sum(step[0] == "look" for step in steps)
    assert seen == 0b11111


def test_samples_faults_and_health(tmp_path):
    for seed in range(3):
        kinds = {record[0] for record in play(tmp_path, vehicle_steps(seed))}
        assert kinds == {5, 6, 8}
