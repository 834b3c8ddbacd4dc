"""Measures the road from gateway to ledger with `trifleet load`; prints JSON, a line a run.

Run with `python -m tests.bench.bench_load [--seconds N] [idle rate curve]`. Everything is on one
machine: the load itself takes a part of it, which is printed beside what broker and ingest take.
"""

import argparse
import json
import os
import subprocess
import sys
from typing import Any

RATE = 1_111  # messages/s, each with 20 values where the published scenario has three
IDLE = 5_000
CURVE = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)


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


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """The figures of a run: shares are of the whole machine."""
    seconds, cores = found["seconds"], os.cpu_count() or 1
    used, load = found["used"], found["used_by_load"]
    share = {name: round(one["processor_s"] / seconds / cores, 3) for name, one in used.items()}
    memory = sum(one["peak_mb"] for one in (*used.values(), *load))
    return {
        "seconds": round(seconds, 1),
        "statements_per_s": round(found["counts"].get("statements", 0) / seconds),
        "records_per_s": round(found["counts"].get("records", 0) / seconds),
        "latency_s": {name: found["latency_s"].get(name) for name in ("p50", "p99", "most")},
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
    asked = parser.parse_args()
    if "idle" in asked.parts:
        found = run(vehicles=IDLE, pace="idle", seconds=asked.seconds)
        tell("load idle", lines=IDLE, limit_mb=2_000, **summary(found))
    if "rate" in asked.parts:
        found = run(vehicles=RATE, pace="riding", seconds=asked.seconds)
        tell("load rate", vehicles=RATE, limit_share=0.5, limit_p99_s=1, **summary(found))
    for vehicles in CURVE if "curve" in asked.parts else ():
        found = run(vehicles=vehicles, pace="day", seconds=asked.seconds)
        tell("load curve", vehicles=vehicles, **summary(found))


if __name__ == "__main__":
    main()
