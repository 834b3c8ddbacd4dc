"""`trifleet bench diagnose` and `logs`: what is wrong, and the records behind it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.bench.devices import as_values as board_values
from trifleet.commands.bench.options import AsJson, Options, Port, Sim, SimFolder
from trifleet.commands.bench.session import Session, at_bench

if TYPE_CHECKING:
    from workbench.diagnose import Diagnosis
    from workbench.logs import Logs

Out = Annotated[Path, typer.Option("--out", help="Folder for the records; only yours to read.")]


def diagnose(
    port: Port = None, sim: Sim = False, sim_folder: SimFolder = None, as_json: AsJson = False
) -> None:
    """Say what is wrong with a board and what to do. Exit code 17: something is faulty.

    The application is held back meanwhile: the vehicle must stand. A vehicle that runs tells its
    trouble codes over the bus: `trifleet bench can diagnose`.
    """
    from workbench.bench import on_bench
    from workbench.diagnose import FAULT
    from workbench.diagnose import diagnose as look
    from workbench.errors import FaultyError

    options = Options(port, as_json, sim=sim, sim_folder=sim_folder)
    with at_bench("diagnose", options) as session:
        with on_bench(session.port()) as bench:
            found = look(bench)
        _tell(session, found)
        faulty = [one.name for one in found.findings if one.level == FAULT]
        if faulty:
            raise FaultyError(f"faulty: {', '.join(faulty)}")


def logs(
    out: Out = Path("bench"),
    port: Port = None,
    sim: Sim = False,
    sim_folder: SimFolder = None,
    as_json: AsJson = False,
) -> None:
    """Copy the records that no gateway has taken, and the last crashes, into a folder.

    Records of telemetry say where the vehicle was: treat them as what they are.
    """
    from workbench.bench import on_bench
    from workbench.logs import read_logs
    from workbench.provision import present_identity

    options = Options(port, as_json, sim=sim, sim_folder=sim_folder)
    with at_bench("logs", options) as session:
        with on_bench(session.port()) as bench:
            name = present_identity(bench) or bench.interpreter.unique_id.hex() or "board"
            found = read_logs(bench)
        paths = _keep(found, out, name)
        session.values |= {
            "records": len(found.records),
            "damaged": found.damaged,
            "files": [str(path) for path in paths],
        }
        for path in paths:
            session.say("kept", str(path))
        if not paths:
            session.say("nothing", "no record waits, and nothing crashed")


def _tell(session: Session, found: "Diagnosis") -> None:
    from workbench.diagnose import OK

    for one in found.findings:
        advice = f" -> {one.next}" if one.next else ""
        level = one.level if one.level == OK else one.level.upper()
        session.say(level, f"{one.name}: {one.text}{advice}")
    session.values |= board_values(found.board) | {
        "worst": found.worst,
        "findings": [vars(one) for one in found.findings],
    }


def _keep(found: "Logs", out: Path, name: str) -> list[Path]:
    from trifleet.layout import write_private
    from workbench.journal import as_values

    lines = "".join(json.dumps(as_values(one)) + "\n" for one in found.records)
    texts = {f"{name}.records.ndjson": lines}
    texts |= {f"{name}.{crash}.txt": text for crash, text in found.crashes.items()}
    files = {path: text.encode() for path, text in texts.items() if text}
    files |= {f"{name}.{path}": data for path, data in found.raw.items()}
    for path, data in files.items():
        write_private(out / path, data)
    return [out / path for path in files]
