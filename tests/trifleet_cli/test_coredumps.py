"""A command that crashes leaves no memory behind."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

PATTERN = Path("/proc/sys/kernel/core_pattern").read_text().strip()
CRASH = "import os; os.abort()"
FORBID = "from trifleet import coredumps; coredumps.forbid(); "


def crash(program: str, folder: Path) -> list[Path]:
    """What a crash leaves in its folder, where dumps of any size are allowed."""
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most)),
        check=False,
    )
    assert done.returncode < 0
    return list(folder.iterdir())


def test_no_dump_is_written(tmp_path: Path) -> None:
    assert crash(FORBID + CRASH, tmp_path) == []


@pytest.mark.skipif("/" in PATTERN or "|" in PATTERN, reason="dumps go elsewhere on this machine")
def test_one_would_be_written_otherwise(tmp_path: Path) -> None:
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        assert crash(CRASH, tmp_path) == []
    else:
        assert len(crash(CRASH, tmp_path)) == 1


def test_the_kernel_hands_it_to_nobody() -> None:
    asks = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    done = subprocess.run(
        [sys.executable, "-c", FORBID + asks],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.stdout == "0\n"
