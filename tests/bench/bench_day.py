"""Heap of the whole application through a simulated day of 24 hours, and what that day costs the
flash; prints two JSON objects. `python -m tests.bench.bench_day 6` lives through six hours of it.

The peak is what is allocated, garbage included: looked at before each collection, on turns that
follow one another without a wait, and on every eighth of the others. Within a turn the collector
also comes by itself after 32 KiB of new objects, and what it takes then is not seen: the most that
was live and these 32 KiB are given beside the peak. (The interpreter's own micropython.mem_peak()
counts what was collected as still in use.) The live heap is measured at the end of each hour after
a collection. Figures are of the 64-bit interpreter, whose
objects are twice as large as a Cortex-M's. Over the limit, growing, or wearing the flash out in
less than ten years the exit code is 1.
"""

from __future__ import annotations

import json
import sys

from tests.bench import bench_wear
from tests.bench.day import Day, live
from tests.bench.day_plan import HOUR_MS, a_day

LEAST_YEARS = 10
LIMIT_BYTES = 192 * 1024
COLLECT_BYTES = 32 * 1024  # as vcu/app.py sets it
# A few more numbers of a journal, a grant that is remembered: not what grows for ever.
SETTLED = 2
MOST_GROWTH_BYTES = 2_048


def main(arguments: list[str]) -> int:
    day = live(a_day(int(arguments[0]) if arguments else 24))
    print(json.dumps({"measurement": "heap of a day", **report(day)}), flush=True)
    print(json.dumps({"measurement": "wear of a day", **bench_wear.report(day)}), flush=True)
    return int(bool(wrong(day)) or bench_wear.years(bench_wear.busiest(day)) < LEAST_YEARS)


def report(day: Day) -> dict[str, object]:
    """The figures by name."""
    device, told = day.device, day.world.told
    lives, peak = device["lives"], max(device["peaks"])
    return {
        "simulated_hours": round(device["ms"] / HOUR_MS, 2),
        "rides": len(day.world.plan.rides),
        "records_at_the_gateway": sum(told.kinds.values()),
        "turns": device["turns"],
        "collections_asked_made": [device["asked"], device["collections"]],
        "after_boot_kib": kib(device["after_boot"]),
        "peak_kib": kib(peak),
        "peak_kib_cortex_m": kib(peak / 2),
        "most_live_kib": kib(device["most_live"]),
        "most_live_kib_cortex_m": kib(device["most_live"] / 2),
        "most_live_and_threshold_kib": kib(device["most_live"] + COLLECT_BYTES),
        "limit_kib": kib(LIMIT_BYTES),
        "peaks_of_the_hours_kib": [kib(value) for value in device["peaks"]],
        "live_at_the_hours_kib": [kib(value) for value in lives],
        "growth_bytes": growth(day),
        "growth_limit_bytes": MOST_GROWTH_BYTES,
        "slope_bytes_an_hour": round(slope(comparable(day)), 1),
        "wrong": wrong(day),
    }


def comparable(day: Day) -> list[tuple[int, int]]:
    """(hour, live bytes at its end), from SETTLED on, where a gateway was there for a while:
    without it the numbers of the journal's files are in memory."""
    plan = day.world.plan
    away = [(begin, end + plan.period_ms // 6) for begin, end in plan.away]
    return [
        (number, used)
        for number, used in enumerate(day.device["lives"], 1)
        if number >= SETTLED
        and not any(begin <= number * plan.period_ms < end for begin, end in away)
    ]


def growth(day: Day) -> int:
    """The most that a later hour has more than the first that counts."""
    used = [value for _, value in comparable(day)]
    return max(used) - used[0]


def slope(points: list[tuple[int, int]]) -> float:
    """Bytes an hour, least squares."""
    if len(points) < 2:
        return 0.0
    middle = sum(x for x, _ in points) / len(points)
    height = sum(y for _, y in points) / len(points)
    over = sum((x - middle) * (y - height) for x, y in points)
    return over / sum((x - middle) ** 2 for x, _ in points)


def wrong(day: Day) -> list[str]:
    """What the day must not be."""
    found = []
    if max(day.device["peaks"]) > LIMIT_BYTES:
        found.append("peak over the limit")
    if growth(day) > MOST_GROWTH_BYTES:
        found.append("it grows")
    return found


def kib(size: float) -> float:
    return round(size / 1024, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
