"""What became of one board, as JSON beside its registration. No secret is in it."""

import json
from pathlib import Path

from trifleet.commissioning.commission import Commissioned
from trifleet.layout import write_private
from workbench.events import Failure
from workbench.selftest import RESULT_NAMES, SelfTest


def result_of(done: Commissioned, failure: Failure | None = None) -> dict[str, object]:
    """What was found and done; what it did not come to is None."""
    board, made = done.board, done.made
    return {
        "vehicle": done.vehicle,
        "done": done.is_done,
        "exit": failure.exit if failure else 0 if done.is_done else None,
        "begin": done.begin,
        "board": board.board if board else None,
        "board_id": board.interpreter.unique_id.hex() if board else None,
        "interpreter": ".".join(map(str, board.interpreter.version)) if board else None,
        "release": done.release.hex() or None,
        "files": done.files,
        "written": list(done.flashed.written) if done.flashed else None,
        "key_fingerprint": made.fingerprint.hex() if made else None,
        "config_sha256": made.config_sha256.hex() if made else None,
        "selftest": _test(done.test) if done.test else None,
        "unlocked": done.unlock.unlocked if done.unlock else None,
        "labels": done.labels,
        "work_order": done.work_order,
        "error": {"what": failure.what, "why": failure.why, "next": failure.next}
        if failure
        else None,
    }


def keep_result(folder: Path, done: Commissioned, failure: Failure | None) -> Path:
    """Whole or not at all; the last run counts."""
    path = folder / f"{done.vehicle}.json"
    write_private(path, json.dumps(result_of(done, failure), indent=2).encode() + b"\n")
    return path


def _test(found: SelfTest) -> dict[str, object]:
    results = {step.name: RESULT_NAMES[step.result] for step in found.steps}
    return {"results": results, "failed": list(found.failed)}
