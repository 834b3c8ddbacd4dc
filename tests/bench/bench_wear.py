"""What a day without a gateway costs the flash of the vehicle, by block, and what a start and the
sleep after it add; prints one JSON object each. The other days are measured by bench_day.py.

littlefs on a counted chip of 4 KiB blocks, as the virtual board's. Nobody confirms a record: events
and a sample a minute stay on the flash. `python -m tests.bench.bench_wear 6` lives through six
hours; figures are of 24.
"""

from __future__ import annotations

import json
import sys

from tests.bench.day import BLOCK_BYTES, Day, live, sleep
from tests.bench.day_plan import HOUR_MS, SLEEPY, a_day

DAYS_A_YEAR = 365.25
CYCLES = (10_000, 100_000)


def main(arguments: list[str]) -> int:
    day = live(a_day(int(arguments[0]) if arguments else 24, alone=True), collects=False)
    print(json.dumps({"measurement": "wear of a day without a gateway", **report(day)}), flush=True)
    print(json.dumps({"measurement": "wear of a start and a sleep", **once(sleep(SLEEPY))}))
    return 0


def once(day: Day) -> dict[str, int]:
    """The same of one start and one sleep."""
    device = day.device
    return {
        "bytes_programmed": device["bytes"],
        "programs": sum(device["programs"]),
        "erases": sum(device["erases"]),
    }


def report(day: Day) -> dict[str, object]:
    """The figures by name; erases and years are of one day like this, every day."""
    device = day.device
    erases, programs = per_day(day, device["erases"]), per_day(day, device["programs"])
    blocks = len(erases)
    return {
        "simulated_hours": round(device["ms"] / HOUR_MS, 2),
        "blocks": blocks,
        "block_bytes": BLOCK_BYTES,
        "bytes_programmed": round(per_day(day, [device["bytes"]])[0]),
        "programs": round(sum(programs)),
        "erases": round(sum(erases)),
        "blocks_erased": sum(1 for count in erases if count),
        "busiest_block_erases": round(busiest(day), 1),
        "years_of_the_busiest_block": {c: cap(years(busiest(day), c)) for c in CYCLES},
        "years_perfectly_levelled": {c: cap(years(levelled(day), c)) for c in CYCLES},
    }


def per_day(day: Day, counts: list[int]) -> list[float]:
    """As counted, for 24 hours."""
    return [count * 24 * HOUR_MS / day.device["ms"] for count in counts]


def busiest(day: Day) -> float:
    """Erases a day of the block that is erased most."""
    return max(per_day(day, day.device["erases"]))


def levelled(day: Day) -> float:
    """Erases a day of each block, if all had the same share."""
    erases = per_day(day, day.device["erases"])
    return sum(erases) / len(erases)


def years(erases_a_day: float, cycles: int = CYCLES[1]) -> float:
    return cycles / max(erases_a_day, 1e-9) / DAYS_A_YEAR


def cap(value: float) -> float:
    return round(min(value, 100_000), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
