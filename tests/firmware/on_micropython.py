"""Runs a bench script in MicroPython as on a board: the application in a ROMFS image, the heap of
the board beside it; and the same script on CPython, to compare."""

import json
import os
import subprocess
import sys
from pathlib import Path

from workbench import romfs
from workbench.application import collect_application, find_compiler

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MICROPYTHON = Path(sys.executable).with_name("micropython")
BENCH = ("vcu_bench.py", "board_fakes.py", "panel_bench.py")
SCRIPTS = ("scenario.py", "panel_scenario.py")


def build(folder):
    """The image of the application and the bench's own modules; returns the image's path."""
    users = {name: (HERE / name).read_text() for name in BENCH + SCRIPTS}
    for name in BENCH:
        line = [find_compiler(), "-s", name, "-o", folder / name.replace(".py", ".mpy")]
        subprocess.run([*line, HERE / name], check=True)
    image = folder / "app.romfs"
    application = collect_application(ROOT, users)
    files = {file.path: file.data for file in application if "/" in file.path}
    image.write_bytes(romfs.build(files))
    return image


def on_board(image, heap, script, *arguments):
    """What the script prints as JSON lines; `heap` in bytes is the board's, without the image."""
    size = heap + image.stat().st_size
    line = [MICROPYTHON, "-X", f"heapsize={size}", HERE / script, *arguments]
    return _run(line, {"MICROPYPATH": str(image.parent), "APPLICATION": str(image)})


def on_cpython(script, *arguments):
    path = f"{ROOT / 'firmware'}:{ROOT}"
    return _run([sys.executable, HERE / script, *arguments], {"PYTHONPATH": path})


def _run(line, environment):
    environment["PATH"] = os.environ["PATH"]
    done = subprocess.run(line, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    return [json.loads(text) for text in done.stdout.splitlines()]
