"""Runs the whole application in MicroPython, out of its ROMFS image, through a simulated day.

The vehicle's process (device_day.py) and its world (world.py) take turns, so a day is the same on
any machine, but for what is random in keys and challenges. Raises DayError where a life ends early.
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.bench.day_plan import Plan
from tests.bench.world import FRAMES, START_S, Frame, World, first_files
from workbench import romfs
from workbench.application import collect_application, find_compiler

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MICROPYTHON = Path(sys.executable).with_name("micropython")
BLOCK_BYTES = 4096
BLOCKS = 256  # of the virtual board: 1 MiB
# More than the board's 192 KiB, so that what would not fit is seen and counted.
HEAP_BYTES = 224 * 1024
IMAGE = "app.romfs"
SCRIPTS = ("device_day.py", "device_chip.py", "device_time.py")
POWER_ON, DEEP_SLEEP, SOFT = 1, 4, 5  # as the chip numbers them
DONE = 0
_QUESTION = struct.Struct("<IHxx8s")
_ANSWER_BYTES = 16 * FRAMES + 8


class DayError(Exception):
    """The vehicle did not live through its day."""


@dataclass(frozen=True)
class Day:
    """`device` is what device_day.py printed at the end."""

    device: dict[str, Any]
    world: World


def live(plan: Plan, collects: bool = True) -> Day:
    """One vehicle, from its first start to the end of the plan. Without `collects` the loop's own
    collections are left out, which is faster and says nothing of the heap."""
    with tempfile.TemporaryDirectory(prefix="trifleet-day-") as folder:
        image = build(Path(folder))
        flash = Path(folder) / "flash"
        flash.write_bytes(b"\xff" * BLOCK_BYTES * BLOCKS)
        world = World(plan)
        device = _life(image, flash, world, collects)
    if device["ended"][0] != "end":
        raise DayError(f"the vehicle ended its day at {device['ms']} ms: {device['crash']}")
    if world.told.outcomes != [DONE] * 2 * len(plan.rides):
        raise DayError(f"{len(plan.rides)} rides, and the answers {world.told.outcomes}")
    return Day(device, world)


def sleep(plan: Plan) -> Day:
    """One vehicle that wakes, falls asleep and wakes again; counted is from the second time that
    it wakes until it sleeps. Without rides."""
    with tempfile.TemporaryDirectory(prefix="trifleet-day-") as folder:
        image = build(Path(folder))
        flash = Path(folder) / "flash"
        flash.write_bytes(b"\xff" * BLOCK_BYTES * BLOCKS)
        counted: list[dict[str, Any]] = []
        for cause in (POWER_ON, DEEP_SLEEP):
            # It asks for sleep by a reset, and the start that follows goes to sleep.
            worlds = World(plan), World(plan)
            counted = [
                _life(image, flash, worlds[0], False, cause),
                _life(image, flash, worlds[1], False, SOFT),
            ]
            ends = [life["ended"][0] for life in counted]
            if ends != ["reset", "sleep"]:
                raise DayError(f"the vehicle did not sleep: {ends} {counted[0]['crash']}")
    device = dict(counted[0])
    for name in ("erases", "programs"):
        device[name] = [a + b for a, b in zip(*(life[name] for life in counted), strict=True)]
    device["bytes"] = sum(life["bytes"] for life in counted)
    return Day(device, worlds[0])


def build(folder: Path) -> Path:
    """The application's image, and the bench's own modules beside it. Returns the image."""
    for name, data in _built().items():
        (folder / name).write_bytes(data)
    return folder / IMAGE


@cache
def _built() -> dict[str, bytes]:
    built = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in SCRIPTS:
            target = Path(folder) / name.replace(".py", ".mpy")
            subprocess.run([find_compiler(), "-s", name, "-o", target, HERE / name], check=True)
            built[target.name] = target.read_bytes()
    users = {name: (HERE / name).read_text() for name in SCRIPTS}
    files = collect_application(ROOT, users)
    built[IMAGE] = romfs.build({file.path: file.data for file in files if "/" in file.path})
    return built


def _life(
    image: Path, flash: Path, world: World, collects: bool, cause: int = POWER_ON
) -> dict[str, Any]:
    questions, to_world = os.pipe()
    from_world, answers = os.pipe()
    with flash.open("r+b") as chip, tempfile.TemporaryFile("w+") as said:
        inherited = (to_world, from_world, chip.fileno())
        process = subprocess.Popen(
            [str(MICROPYTHON), "-X", f"heapsize={HEAP_BYTES + image.stat().st_size}"]
            + ["-c", "import device_day"],
            env=_environment(image, inherited, world.plan, collects, cause),
            pass_fds=inherited,
            stdin=subprocess.PIPE,  # nobody types
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        os.close(to_world)
        os.close(from_world)
        try:
            with os.fdopen(questions, "rb", buffering=0) as asked:
                _serve(world, asked, answers)
        finally:
            os.close(answers)
            process.communicate()
        said.seek(0)
        lines = said.read().splitlines()
    if process.returncode:
        raise DayError("\n".join(lines[-20:]))
    found: dict[str, Any] = json.loads(lines[-1])
    # What micropython.mem_info() said at the end of each hour, in blocks of 32 bytes.
    pieces = re.findall(r"max free sz: (\d+)", "\n".join(lines))
    found["largest_free"] = [32 * int(piece) for piece in pieces]
    return found


def _serve(world: World, asked: Any, answer: int) -> None:
    while question := asked.read(_QUESTION.size):
        at_ms, identifier, data = _QUESTION.unpack(question)
        if identifier:
            frames, until_ms = world.answer(identifier, data, at_ms), 0
        else:
            frames, until_ms = world.ahead(at_ms)
        try:
            os.write(answer, _packed(frames, until_ms))
        except BrokenPipeError:
            return  # it ended between its question and the answer


def _packed(frames: list[Frame], until_ms: int) -> bytes:
    parts = [struct.pack("<II", len(frames), until_ms)]
    parts += [struct.pack("<II8s", *frame) for frame in frames]
    return b"".join(parts).ljust(_ANSWER_BYTES, b"\0")


def _environment(
    image: Path, inherited: tuple[int, ...], plan: Plan, collects: bool, cause: int
) -> dict[str, str]:
    return {
        "MICROPYPATH": str(image.parent),
        "DAY_APPLICATION": str(image),
        "DAY_FILES": ",".join(map(str, inherited)),
        "DAY_TIMES": ",".join(map(str, (0, plan.end_ms, plan.period_ms, START_S, cause))),
        "DAY_SUPPLY_MV": str(plan.supply_mv),
        "DAY_COLLECTS": "all" if collects else "",
        **{f"DAY_{name.upper()}": data.hex() for name, data in first_files().items()},
    }
