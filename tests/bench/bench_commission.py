"""`python -m tests.bench commission`: from a bare virtual board to the first unlock.

The command that a mechanic types, in a process of its own, with its start and the compilation of
the application; the end is the vehicle's answer to a signed UNLOCK over the cable.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 30.0
# Where each part of the work ends: the last step of that name.
PARTS = ("board", "application", "vehicle", "panel", "unlock")


def main() -> int:
    begin, before = time.monotonic(), _processor_s()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "trifleet.cli", "bench", "commission", "--sim", "--in-vehicle"]
            + ["--json", "--out", folder],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    seconds = time.monotonic() - begin
    events = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
        return done.returncode
    at = {one["name"]: one["t_s"] for one in events if one["event"] == "step"}
    spent = {later: round(at[later] - at[was], 2) for was, later in pairwise(PARTS)}
    print(
        json.dumps(
            {
                "measurement": "bare virtual board to first unlock",
                "seconds": round(seconds, 2),
                "limit_seconds": LIMIT_S,
                "processor_seconds": round(_processor_s() - before, 2),
                "seconds_of": {"start_and_board": at["board"], **spent},
            }
        )
    )
    return int(seconds > LIMIT_S)


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
