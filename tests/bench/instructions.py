"""Instructions of pieces of the vehicle's work, counted by valgrind (callgrind): repeatable.

x86-64 instructions of MicroPython's unix port on the compiled application; 1e-5 of them are about
a millisecond of an STM32F405 at 168 MHz.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import micropython_run

from workbench.application import find_compiler

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
BUDGETS = HERE / "budgets.json"
# The interpreter is a module of CPython, whose own start is counted too: as little of it as can be.
START = (
    f"import sys; sys.path.append({str(Path(micropython_run.__file__).parent)!r});"
    "from micropython_run import run_main; run_main(['micropython', *sys.argv[1:]])"
)
MS_PER_INSTRUCTION = 1e-5
MARK = "setenv"  # the function of libc at which the count begins anew
REPEATS = 2
ONCE = "piece_"  # cases that can be done once only: a piece of one check


def compile_application(folder: Path) -> None:
    """firmware/ and protocol/ as they are flashed, and the script beside them."""
    sources = [(path, path.relative_to(ROOT)) for path in (ROOT / "protocol").rglob("*.py")]
    firmware = ROOT / "firmware"
    sources += [(path, path.relative_to(firmware)) for path in (firmware / "vcu").rglob("*.py")]
    sources += [(path, Path(path.name)) for path in sorted(HERE.glob("device_pieces*.py"))]
    compiler = find_compiler()
    for source, name in sources:
        target = (folder / name).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, "-s", str(name), "-o", target, source], check=True)


def measure(folder: Path, cases: list[str]) -> dict[str, int]:
    """Of one repetition of each case, compiled into `folder`; all in one run of the interpreter."""
    times = [1 if case.startswith(ONCE) else REPEATS for case in cases]
    todo = [f"{case}={count}" for case, count in zip(cases, times, strict=True)]
    # Of each case: what was before it, without the piece, what was between, with the piece.
    marks = _counts(folder, ["empty=0", *todo])[-4 * (len(cases) + 1) :]
    return {
        case: (marks[at + 3] - marks[at + 1]) // count
        for case, count, at in zip(cases, times, range(4, len(marks), 4), strict=True)
    }


def budgets() -> dict[str, dict[str, int]]:
    """case -> {"instructions": as recorded, "limit": never more}."""
    read: dict[str, dict[str, int]] = json.loads(BUDGETS.read_text())
    return read


def _counts(folder: Path, todo: list[str]) -> list[int]:
    """Instructions from each mark of `device_pieces.py`, an os.putenv, to the next."""
    out = folder / "counts"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", f"--dump-before={MARK}"]
        + [sys.executable, "-S", "-s", "-c", START, "-X", "heapsize=192k"]
        + ["-c", "import device_pieces", str(ROOT / "tests/vectors"), *todo],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "MICROPYPATH": str(folder), "PYTHONHASHSEED": "0"},
    )
    dumps = sorted(folder.glob("counts.*"), key=lambda path: int(path.suffix[1:]))
    found = [re.search(r"^totals: (\d+)$", path.read_text(), re.MULTILINE) for path in dumps]
    if done.returncode or None in found:
        raise RuntimeError(f"counting failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return [int(match.group(1)) for match in found if match]
