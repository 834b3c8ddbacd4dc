"""Measures the road from gateway to ledger with `trifleet load`; prints JSON, a line a run.

Run with `python -m tests.bench.bench_load [--seconds N] [--share S] [idle rate curve]`. Everything
is on one machine: the load itself takes a part of it, which is printed beside what broker and
ingest take. `--share` makes every fleet smaller.
"""

import argparse
import json
import os
import subprocess
import sys
from typing import Any

RATE = 1_111  # messages/s, each with more than the three values of the published scenario
VALUES = 20  # at least, of a sample of `trifleet load`
IDLE = 5_000
CURVE = (100, 1_000, 10_000, 30_000, 100_000)
# Of the curve: each has up to 64 vehicles, and to make a thousand certificates takes a while.
GATEWAYS = 1_600
# One vehicle a gateway, each of its samples in a statement of its own.
FLUSH_MS = 100


def run(**asked: object) -> dict[str, Any]:
    """One `trifleet load` to its end."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in asked.items()]
    command = [sys.executable, "-m", "trifleet.cli", "load", "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if not lines or "log" not in lines[-1]:
        raise SystemExit(f"{' '.join(words)}: {done.stderr or done.stdout}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def summary(found: dict[str, Any], plan_s: int) -> dict[str, Any]:
    """The figures of a run: rates are of its plan, shares are of the whole machine.

    `seconds` is longer than the plan: until the last acknowledgement, or until nobody waits more.
    """
    seconds, cores = found["seconds"], os.cpu_count() or 1
    used, load = found["used"], found["used_by_load"]
    share = {name: round(one["processor_s"] / seconds / cores, 3) for name, one in used.items()}
    memory = sum(one["peak_mb"] for one in (*used.values(), *load))
    return {
        "seconds": round(seconds, 1),
        "statements_per_s": round(found["counts"].get("statements", 0) / plan_s),
        "records_per_s": round(found["counts"].get("records", 0) / plan_s),
        "values_per_s": round(VALUES * found["counts"].get("records", 0) / plan_s),
        **{
            what: {name: found[what].get(name) for name in ("p50", "p99", "most")}
            for what in ("latency_s", "to_log_s")
        },
        "share_of_machine": share,
        "share_of_machine_in_all": round(sum(share.values()), 3),
        "share_of_the_load_itself": round(
            sum(one["processor_s"] for one in load) / seconds / cores, 3
        ),
        "memory_mb_with_the_load": round(memory),
        "sent": found["log"]["sent"],
        "in_the_log": found["log"]["logged"],
        "lost": found["log"]["lost"],
        "doubled": found["log"]["doubled"],
        "not_acknowledged_in_time": found["waiting"],
    }


def tell(bench: str, **values: object) -> None:
    print(json.dumps({"bench": bench, **values}), flush=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("parts", nargs="*", default=["idle", "rate", "curve"])
    parser.add_argument("--share", type=float, default=1.0)
    asked = parser.parse_args()

    def some(number: int) -> int:
        return max(10, round(number * asked.share))

    if "idle" in asked.parts:
        lines = some(IDLE)
        found = run(vehicles=lines, pace="idle", seconds=asked.seconds)
        tell("load idle", lines=lines, limit_mb=2_000, **summary(found, asked.seconds))
    if "rate" in asked.parts:
        rate = some(RATE)
        found = run(vehicles=rate, pace="riding", flush_ms=FLUSH_MS, seconds=asked.seconds)
        tell(
            "load rate",
            vehicles=rate,
            limit_share=0.5,
            limit_p99_s=1,
            **summary(found, asked.seconds),
        )
    for vehicles in dict.fromkeys(map(some, CURVE)) if "curve" in asked.parts else ():
        gateways = min(vehicles, GATEWAYS)
        found = run(vehicles=vehicles, gateways=gateways, pace="day", seconds=asked.seconds)
        tell("load curve", vehicles=vehicles, gateways=gateways, **summary(found, asked.seconds))


if __name__ == "__main__":
    main()
