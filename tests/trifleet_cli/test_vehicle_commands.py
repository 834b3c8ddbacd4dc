"""`trifleet vehicle`: what is right is said in a line, what is wrong by file and line."""

import csv
import io
import json
from pathlib import Path

from hw.vehicle_config import FOLDER, vehicle_names
from protocol import vehicle
from tests.command_line import trifleet


def test_the_vehicles_of_the_project_are_listed_and_right() -> None:
    rows = [json.loads(line) for line in trifleet("vehicle", "list", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows] == vehicle_names()
    assert {row["name"]: row["packs"] for row in rows}["delta-cargo"] == 2
    done = trifleet("vehicle", "check")
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == vehicle_names()


def test_a_wrong_value_is_named_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = (FOLDER / "delta-cargo.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("power_w = 6500.0", "power_w = 500000"), encoding="utf-8")
    done = trifleet("vehicle", "check", path)
    line = 1 + text[: text.index("power_w")].count("\n")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(
        f"trifleet: mine.toml:{line}: motor[1].power_w: 500000 is above 100000"
    )
    path.write_text(text, encoding="utf-8")
    assert trifleet("vehicle", "check", path, "--board", "virtual").returncode == 0
    assert "no folder of boards/" in trifleet("vehicle", "check", path, "--board", "none").stderr


def test_parts_go_to_the_terminal_or_into_a_new_file(tmp_path: Path) -> None:
    out = tmp_path / "parts.csv"
    assert trifleet("vehicle", "parts", "delta-cargo", "--csv", "--out", out).returncode == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    assert "Battery pack with management" in rows[1]["item"]
    again = trifleet("vehicle", "parts", "delta-cargo", "--csv", "--out", out)
    assert again.returncode == 2 and "is there already: choose another name" in again.stderr
    printed = trifleet("vehicle", "parts", "delta-cargo", "--csv").stdout
    assert list(csv.DictReader(io.StringIO(printed))) == rows
    lines = trifleet("vehicle", "parts", "delta-cargo", "--json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == rows
    assert "PACK1 PACK2" in trifleet("vehicle", "parts", "delta-cargo").stdout
    assert trifleet("vehicle", "parts", "delta-cargo", "--csv", "--md").returncode == 2


def test_a_vehicle_of_one_s_own_is_compiled_into_a_folder(tmp_path: Path) -> None:
    path, out = tmp_path / "mine.toml", tmp_path / "out"
    text = (FOLDER / "delta-cargo.toml").read_text(encoding="utf-8")
    path.write_text(text.replace('"delta-cargo"', '"mine"'), encoding="utf-8")
    done = trifleet("vehicle", "compile", path, "--out", out, "--board", "esp32-s3")
    assert done.returncode == 0, done.stderr
    written = [Path(line) for line in done.stdout.splitlines()]
    assert sorted(written) == sorted(out.iterdir())
    names = {file.name for file in written}
    assert {"config", "parts.csv", "picture.svg", "mine-power.yml", "mine-power.svg"} <= names
    assert {"vcu-box-esp32-s3-signals.bom.tsv", "mine-bus.svg"} <= names
    assert vehicle.open_file((out / "config").read_bytes()).name == "mine"
    assert "CAN controller, MCP2518FD" in (out / "parts.csv").read_text(encoding="utf-8")
    again = trifleet("vehicle", "compile", path, "--out", out)
    assert again.returncode == 2 and "choose a new folder" in again.stderr
    path.write_text(text.replace("cells = 20 ", "cells = 2 ", 1), encoding="utf-8")
    wrong = trifleet("vehicle", "compile", path, "--out", tmp_path / "none")
    assert wrong.returncode == 1 and "mine.toml:" in wrong.stderr
    assert not (tmp_path / "none").exists()
