"""A small application that says which version it is, by two modules that must agree; and whole
enough for most cuts to hit its image."""

import re
from pathlib import Path
from random import Random

import serial

from boards.virtual import VirtualBoard
from workbench.application import BoardFile, collect_application

ROOT = Path(__file__).resolve().parents[2]
REST_BYTES = 5_000
_RUNNING = re.compile(rb"running ([0-9]+) ([0-9]+) ([0-9]+) #")
_AT_PROMPT = re.compile(rb'Type "help\(\)" for more information.\r?\n>>> ')
MAIN = """
import os, time
try:
    os.remove("stay")
except OSError:
    if globals().get("slot") is not None:
        from app import one, two
        while True:
            print("running", one.VERSION, two.VERSION, len(two.REST), "#")
            time.sleep_ms(20)
"""


def make_version(folder: Path, number: int) -> tuple[BoardFile, ...]:
    """`folder` is a checkout of its own."""
    firmware = folder / "firmware"
    (firmware / "app").mkdir(parents=True, exist_ok=True)
    rest = Random(number).randbytes(REST_BYTES).hex()
    for name, text in [
        ("boot.py", (ROOT / "firmware/boot.py").read_text() + f"# {number}\n"),
        ("main.py", MAIN + f"# {number}\n"),
        ("app/__init__.py", ""),
        ("app/one.py", f"VERSION = {number}\n"),
        ("app/two.py", f"VERSION = {number}\nREST = {rest!r}\n"),
    ]:
        (firmware / name).write_text(text)
    return collect_application(folder)


def version_after_power_cut(board: VirtualBoard) -> int | None:
    """What the board runs; None where it has no application. A tool that was cut off within a few
    tenths of a second after it held the board leaves the file `stay`: then the start after the next
    one counts. Raises AssertionError for a mixture, and for a board that does not start."""
    found = _version(board)
    return _version(board) if found is None else found


def _version(board: VirtualBoard) -> int | None:
    said = b""
    with serial.Serial(board.tty, timeout=10) as line:
        line.reset_input_buffer()
        board.power_cut()
        while not (found := _RUNNING.search(said)) and not _AT_PROMPT.search(said):
            more = line.read(max(1, line.in_waiting))
            assert more, said
            said += more
    if found is None:
        return None
    one, two, size = map(int, found.groups())
    assert one == two and size == 2 * REST_BYTES, said
    return one
