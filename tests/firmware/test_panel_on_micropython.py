"""The panel and codes in MicroPython, compiled and with the board's heap: CPython must agree in
every record and every frame of the panel."""

import json

import pytest
from board_fakes import challenge
from on_micropython import MICROPYTHON, build, on_board, on_cpython
from signer import OWNER, RIDER, RIDER_ID, by_rider
from vcu_bench import VEHICLE, identity

from protocol import codes, command, grant, panel, record, refusal

HEAP = 320 * 1024  # the bench around the firmware takes the rest

pytestmark = pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython here")

DRAWN = b"salt of a phone!"
CODE = "4711081512345678"


def prepare(folder, steps):
    folder.mkdir()
    (folder / "identity").write_bytes(identity(OWNER.thumbprint))
    (folder / "steps").write_text("".join(json.dumps(step) + "\n" for step in steps))
    return f"{folder}/", folder / "steps"


def test_both_interpreters_type_the_same(tmp_path):
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
    image = build(tmp_path)
    there = on_board(image, HEAP, "panel_scenario.py", *prepare(tmp_path / "board", steps))
    here = on_cpython("panel_scenario.py", *prepare(tmp_path / "here", steps))
    assert there == here
    told = [(item[3], dict(item[4])) for item in here if item[0] == "record"]
    answers = [body for kind, body in told if kind == record.ANSWER]
    assert answers[1] == {0: mine[1].hex(), 1: command.UNLOCK, 2: RIDER_ID.hex(), 3: record.DONE}
    refusals = [body[1] for kind, body in told if kind == record.REFUSAL]
    assert refusals == [refusal.CODE] * 4 + [refusal.RATE]
    assert [kind for kind, _ in told].count(record.EGRESS) == 1
    shown = {dict(item[2])["Screen"] for item in here if item[0] == "panel"}
    assert {panel.CODE_SHORT, panel.CODE_TYPING, panel.CODE_WRONG, panel.CODE_WAIT} <= shown
    assert {panel.EGRESS, panel.TURN_KEY} <= shown
