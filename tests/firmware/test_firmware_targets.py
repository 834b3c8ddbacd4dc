"""Every file compiles for the chips of the boards, fits its budget, and feeds the watchdog once."""

import ast
import subprocess
from pathlib import Path

import pytest

from workbench.application import application_image, collect_application, find_compiler

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("firmware", "protocol")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)
BUDGET_BYTES = 160 * 1024


@pytest.mark.parametrize("target", ["armv7emsp", "rv32imc", "xtensawin"])
def test_compiles_for(target, tmp_path):
    assert len(SOURCES) > 40
    failed = []
    for source in SOURCES:
        line = [find_compiler(), f"-march={target}", "-o", tmp_path / "out.mpy", source]
        done = subprocess.run(line, capture_output=True, text=True)
        if done.returncode:
            failed.append(f"{source.relative_to(ROOT)}: {done.stderr.strip()}")
    assert not failed, "\n".join(failed)


def test_a_target_refuses_what_is_not_micropython(tmp_path):
    (tmp_path / "wrong.py").write_text("match 1:\n    case 1: pass\n")
    line = [find_compiler(), "-march=armv7emsp", tmp_path / "wrong.py"]
    assert subprocess.run(line, capture_output=True).returncode


def test_the_application_keeps_its_budget():
    files = collect_application(ROOT)
    total = sum(len(file.data) for file in files)
    image = application_image(files, 0)
    print(f"application: {total} bytes of .mpy, {len(image)} as an image, budget {BUDGET_BYTES}")
    assert total <= BUDGET_BYTES
    # What is not code costs little: a path, a few bytes for each file, and the seal.
    assert len(image) - total < 40 * len(files) + 64


def test_the_watchdog_is_fed_in_one_place():
    made, fed = [], []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name == "WDT":
                made.append(path.name)
            elif "feed" in name:
                fed.append(path.name)
    assert made == ["app.py"] and fed == ["loop.py"]


def test_the_stages_before_the_application_start_no_watchdog():
    for name in ("boot.py", "main.py", "vcu/start.py"):
        assert "WDT(" not in (ROOT / "firmware" / name).read_text(), name
