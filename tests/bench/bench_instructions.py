"""VCU instructions per unlock, counted by valgrind's lackey: exact, the same on every machine.

x86-64 instructions of MicroPython's unix port; 1e-5 of them are about a millisecond of an
STM32F405 at 168 MHz. The heap is that port's: its objects are twice as large as a Cortex-M's.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MICROPYTHON = Path(sys.executable).with_name("micropython")
MS_PER_INSTRUCTION = 1e-5
SCRIPT = ROOT / "tests/bench/device_unlock.py"
UNLOCKS = 3


def main() -> int:
    if shutil.which("valgrind") is None:
        print("instructions: valgrind is missing (sudo apt install valgrind)", file=sys.stderr)
        return 1
    empty = count("delegated", 0)
    result: dict[str, object] = {"measurement": "instructions per unlock"}
    for case in ("direct", "delegated", "repeated"):
        each = (count(case, UNLOCKS) - (empty if case != "repeated" else count(case, 0))) / UNLOCKS
        result[case] = {
            "x86_instructions": round(each),
            "about_ms_on_f405": round(each * MS_PER_INSTRUCTION),
        }
    result["heap_bytes_in_use"] = heap()
    print(json.dumps(result), flush=True)
    return 0


def count(case: str, times: int) -> int:
    """Instructions of a whole run of the interpreter."""
    done = subprocess.run(
        ["valgrind", "--tool=lackey", "--basic-counts=yes", str(MICROPYTHON)]
        + ["-X", "heapsize=192k", str(SCRIPT), case, str(times)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    found = re.search(r"guest instrs:\s+([\d,]+)", done.stderr)
    if found is None:
        raise SystemExit(f"lackey printed no count: {done.stderr[-500:]}")
    return int(found.group(1).replace(",", ""))


def heap() -> int:
    done = subprocess.run(
        [str(MICROPYTHON), "-X", "heapsize=192k", str(SCRIPT), "delegated", "1"],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-1])


if __name__ == "__main__":
    sys.exit(main())
