"""The heap that the vehicle needs after boot, on the virtual board, executed in place."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.bench_heap import LIMIT_BYTES, measure


def test_the_vehicle_leaves_room_after_boot():
    steps = measure()
    used = steps["vehicle_built"][0] - steps["device_modules"][0]
    print(f"{used} bytes, the limit is {LIMIT_BYTES}")
    assert used <= LIMIT_BYTES
    # Importing is the larger part: what builds the vehicle was given back.
    assert steps["firmware_imported"][0] - steps["device_modules"][0] > used // 2
