"""`make bench`: every measurement in turn, then the table that README.md shows.

`ARGS="unlock"` runs one. Timings are of this machine and noisy; ratios and counts are not.
"""

import json
import os
import platform
import subprocess
import sys

MEASUREMENTS = (
    "instructions",
    "flash",
    "heap",
    "day",
    "wear",
    "uds",
    "ingest",
    "load",
    "telemetry",
    "ledger",
    "gateway",
    "stack",
    "commission",
    "ota",
)


def main(wanted: list[str]) -> int:
    print(json.dumps({"machine": machine()}), flush=True)
    status = 0
    for name in wanted or MEASUREMENTS:
        done = subprocess.run([sys.executable, "-m", f"tests.bench.bench_{name}"], check=False)
        status = status or done.returncode
    return status


def machine() -> str:
    """Processor, cores, system."""
    model = platform.machine()
    with open("/proc/cpuinfo") as stream:
        for line in stream:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
