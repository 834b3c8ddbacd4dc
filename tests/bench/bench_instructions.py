"""Instructions of the vehicle's pieces of work, and their limits; `--record` writes budgets.json.

tests/firmware/test_firmware_budgets.py holds the application to what is recorded there.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.bench.instructions import (
    BUDGETS,
    MS_PER_INSTRUCTION,
    budgets,
    compile_application,
    measure,
)


def main(arguments: list[str]) -> int:
    recorded = budgets()
    with tempfile.TemporaryDirectory() as folder:
        compile_application(Path(folder))
        counts = measure(Path(folder), list(recorded))
    print(json.dumps({"measurement": "instructions", "cases": report(counts)}), flush=True)
    if arguments == ["--record"]:
        fresh = {name: {**recorded[name], "instructions": counts[name]} for name in recorded}
        BUDGETS.write_text(json.dumps(fresh, indent=1) + "\n")
    return 0


def report(counts: dict[str, int]) -> dict[str, dict[str, float]]:
    """Each case with its milliseconds on an F405 and its share of the limit."""
    limits = budgets()
    return {
        name: {
            "x86_instructions": count,
            "about_ms_on_f405": round(count * MS_PER_INSTRUCTION, 2),
            "share_of_limit": round(count / limits[name]["limit"], 3),
        }
        for name, count in counts.items()
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
