"""`trifleet bench ...` as a mechanic uses it, on virtual boards of its own."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, trifleet

from boards.virtual import VirtualBoard, VirtualBoardSettings
from fleet_backend.registrar import registrations
from hw.virtual_bus import VirtualBus
from hw.virtual_bus.client import SlcanClient
from protocol import can
from trifleet.commands.bench.simulated import simulated_board
from trifleet.commands.bench.sinks import RichSink
from trifleet.commissioning.first_unlock import await_start
from workbench.bench import on_bench
from workbench.cable import Cable
from workbench.events import KINDS, Progress, Result, Step
from workbench.provision import read_file
from workbench.uds.tester import VehicleTester

FIELDS = {
    "step": {"name", "text"},
    "progress": {"name", "done", "total", "unit"},
    "error": {"exit", "what", "why", "next"},
    "result": {"command", "exit", "values"},
}


def bench(*words: object) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and events; the lines that a machine reads are what is documented, all of them."""
    done = trifleet("bench", *words, "--json")
    assert done.stderr == ""
    events = [json.loads(line) for line in done.stdout.splitlines()]
    for event in events:
        assert event["v"] == 1
        assert event["t_s"] >= 0
        assert set(event) - {"v", "t_s", "event"} == FIELDS[event["event"]]
    assert set(FIELDS) == set(KINDS.values())
    assert [one["event"] for one in events].count("result") == 1
    last = events[-1]
    named = words[1] if words[0] == "can" else words[0]
    assert (last["event"], last["command"], last["exit"]) == ("result", named, done.returncode)
    assert [one["event"] for one in events].count("error") == (done.returncode != 0)
    return done.returncode, events


def image(folder: Path) -> bytes:
    return (folder / "flash.img").read_bytes()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[dict[str, Any]]]:
    """A board that `commission` brought from bare to the first unlock: its folder, the results."""
    folder, out = tmp_path_factory.mktemp("board"), tmp_path_factory.mktemp("out")
    code, events = bench(
        "commission", "--sim", "--sim-folder", folder, "--out", out, "--in-vehicle"
    )
    assert code == 0, events[-2]
    return folder, out, events


def test_a_bare_board_becomes_a_vehicle_that_obeys_its_owner(
    finished: tuple[Path, Path, list[dict[str, Any]]],
) -> None:
    _, out, events = finished
    progress = [one for one in events if one["event"] == "progress"]
    assert progress[-1]["done"] == progress[-1]["total"] > 100_000
    (vehicle,) = events[-1]["values"]["vehicles"]
    assert (vehicle["vehicle"], vehicle["done"], vehicle["exit"]) == ("trike-1", True, 0)
    assert vehicle["unlocked"] is True
    assert vehicle["selftest"]["failed"] == []
    assert set(vehicle["selftest"]["results"].values()) == {"pass"}
    assert len(vehicle["selftest"]["results"]) == 11
    # What the fleet gets, and what the workshop keeps; nobody else reads either.
    kept = registrations.read(out / "trike-1.registration")
    assert kept.key_fingerprint.hex() == vehicle["key_fingerprint"]
    assert json.loads((out / "trike-1.json").read_text()) == vehicle
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    said = json.dumps(events)
    assert kept.record_key.hex() not in said


def test_run_again_it_writes_nothing_and_diagnosis_and_logs_find_it_well(
    finished: tuple[Path, Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    folder, out, _ = finished
    sim = ("--sim", "--sim-folder", folder)
    before = (out / "trike-1.registration").read_bytes()
    code, again = bench("provision", *sim, "--out", out)
    assert (code, again[-1]["values"]["written"]) == (0, [])
    assert (out / "trike-1.registration").read_bytes() == before
    code, again = bench("verify", *sim)
    assert (code, again[-1]["values"]["different"]) == (0, [])
    code, again = bench("diagnose", *sim)
    assert (code, again[-1]["values"]["worst"]) == (0, "ok")
    code, again = bench("logs", *sim, "--out", tmp_path)
    text = (tmp_path / "trike-1.records.ndjson").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [one["kind"] for one in lines].count("ANSWER") == 2  # unlock and lock at the first time
    assert again[-1]["values"]["records"] == len(lines)


@pytest.mark.parametrize("runs_s", [0.3, 1.0])
def test_a_simulated_board_that_is_switched_off_has_not_crashed(
    finished: tuple[Path, Path, list[dict[str, Any]]], tmp_path: Path, runs_s: float
) -> None:
    shutil.copytree(finished[0], tmp_path / "board")
    for _ in range(3):
        with simulated_board(tmp_path / "board"):
            time.sleep(runs_s)  # its application starts, and has not run well yet
    with simulated_board(tmp_path / "board") as board, on_bench(board.port) as held:
        assert read_file(held, "crashes") in (None, b"\x00\xff")


def test_another_vehicle_another_board_and_no_board_are_refused_unharmed(
    finished: tuple[Path, Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    folder, _, _ = finished
    sim = ("--sim", "--sim-folder", folder)
    code, events = bench("provision", *sim, "--vehicle", "trike-2", "--out", tmp_path)
    assert code == 15
    assert "the board is trike-1, not trike-2" in events[-2]["why"]
    assert not list(tmp_path.iterdir())
    code, events = bench("provision", *sim, "--owner", "ab" * 32, "--out", tmp_path)
    assert code == 15
    code, events = bench("flash", *sim, "--board", "weact-h743")
    assert code == 14
    port = ("--port", tmp_path / "no-port")
    code, events = bench("flash", "--checkout", "--board", "virtual", *port)
    assert code == 10
    assert (events[-2]["what"], events[-2]["next"][:4]) == (
        "The serial port cannot be used",
        "Plug",
    )
    code, events = bench("flash", *port)
    assert code == 2  # neither a release nor --checkout
    code, events = bench("provision", *sim, "--owner", folder / "owner.key", "--out", tmp_path)
    assert code == 2
    assert "is a private key" in events[-2]["why"]


def test_a_dry_run_says_what_it_would_write_and_writes_not_one_byte(tmp_path: Path) -> None:
    folder = tmp_path / "board"
    sim = ("--sim", "--sim-folder", folder)
    assert bench("identify", *sim)[0] == 0
    blank = image(folder)
    day = tmp_path / "day.toml"
    day.write_text(
        f'owner = "{"5a" * 32}"\nconfiguration = "tadpole-cargo"\n'
        '[[vehicle]]\nname = "veh-1"\nboard = "weact-h743"\n[[vehicle]]\nname = "veh-2"\n'
    )
    # Two boards of a day, of which the first is none that was asked for.
    code, events = bench("commission", *sim, "--batch", day, "--dry-run", "--out", tmp_path / "out")
    wrong, vehicle = events[-1]["values"]["vehicles"]
    assert (code, wrong["exit"]) == (14, 14)
    assert vehicle["write"] == ["application", "boot.py", "main.py", "config", "identity"]
    assert vehicle["bytes"] > 100_000
    code, events = bench("provision", *sim, "--dry-run")
    assert events[-1]["values"]["write"] == ["config", "identity"]
    assert image(folder) == image(folder / "veh-1") == image(folder / "veh-2") == blank
    assert not (tmp_path / "out").exists()


@pytest.mark.faults
def test_the_boards_of_a_day_each_have_their_result(tmp_path: Path) -> None:
    day = tmp_path / "day.toml"
    day.write_text(
        f'owner = "{"5a" * 32}"\nconfiguration = "tadpole-cargo"\n'
        '[[vehicle]]\nname = "veh-1"\nboard = "weact-h743"\n'
        '[[vehicle]]\nname = "veh-2"\n'
    )
    out = tmp_path / "out"
    code, events = bench(
        "commission", "--batch", day, "--sim", "--sim-folder", tmp_path, "--out", out
    )
    first, second = events[-1]["values"]["vehicles"]
    assert code == 14
    assert "2 of 2" in events[-2]["what"]
    assert (first["vehicle"], first["done"], first["exit"]) == ("veh-1", False, 14)
    assert first["written"] is None
    # Its owner is not the simulated one, so her key cannot unlock it: that is told, too.
    assert (second["vehicle"], second["done"]) == ("veh-2", False)
    assert "refused" in second["error"]["why"]
    assert second["selftest"]["failed"] == []
    assert (out / "veh-2.registration").exists()
    assert image(tmp_path / "veh-1") != image(tmp_path / "veh-2")


@pytest.mark.faults
def test_ctrl_c_in_the_middle_is_18_and_the_same_command_finishes_the_job(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "trifleet.cli", "bench", "commission", "--json", "--sim"]
    words += ["--sim-folder", str(tmp_path / "board"), "--out", str(tmp_path / "out")]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "progress" and event["done"] > 40_000:
                process.send_signal(signal.SIGINT)
                break
        *_, error, result = map(json.loads, process.stdout)
        assert process.wait() == 18
    assert (error["what"], result["exit"]) == ("Stopped from the keyboard", 18)
    again = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    (vehicle,) = json.loads(again.stdout.splitlines()[-1])["values"]["vehicles"]
    assert (vehicle["done"], vehicle["unlocked"]) == (True, True)


def test_a_terminal_shows_bars_with_rate_and_remaining_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "120")
    sink = RichSink()
    sink(Step("UNSIGNED", "signed by [b]nobody[/b]"))
    for done in (0, 50_000, 100_000):
        sink(Progress("application", done, 100_000))
    sink(Result("flash", 0))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    assert re.search(r"application +━+ +100\.0/100\.0 kB .*\d:\d\d:\d\d", shown)
    assert "signed by [b]nobody[/b]" in shown


@pytest.mark.faults
def test_a_vehicle_that_runs_tells_its_trouble_codes_over_the_bus(
    finished: tuple[Path, Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    copy = Path(shutil.copy(finished[0] / "flash.img", tmp_path / "flash.img"))
    with VirtualBus() as bus:
        channel = f"socket://127.0.0.1:{bus.port}"
        with VirtualBoard(VirtualBoardSettings(copy, can_port=bus.port)) as board:
            with Cable(board.tty) as cable:
                await_start(cable)
            with SlcanClient(bus.port) as node:  # a controller that is heard, and falls silent
                identifier = can.identifier_of(can.MESSAGES.row("MC_Heartbeat"))
                for alive in range(4):
                    node.send(identifier, can.encode("MC_Heartbeat", {"State": 2}, alive))
                    time.sleep(0.5)
            with VehicleTester.connect(channel) as tester:
                deadline = time.monotonic() + 30
                while not tester.troubles():
                    assert time.monotonic() < deadline, "no trouble code"
                    time.sleep(0.2)
            code, events = bench("can", "diagnose", "--channel", channel, "--language", "fr")
    codes = {one["code"]: one for one in events[-1]["values"]["troubles"]}
    assert code == 17
    assert codes["U0110-87"]["present"] is True
    assert codes["U0110-87"]["text"] == "Le contrôleur moteur ne répond plus"
    assert events[-1]["values"]["vehicle"] == "trike-1"
