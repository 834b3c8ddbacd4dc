"""WireViz reads the sources, its bills of materials are the parts lists, drawings are current."""

import csv
import io
import re
from collections import Counter
from pathlib import Path

import pytest

from hw import parts
from hw.harness import __main__ as writer
from hw.harness import draw
from hw.harness.sources import FOLDER
from hw.parts import COLOURS, parts_list
from hw.vehicle_config import VehicleConfig, load_vehicle, vehicle_names

CONFIGS = [load_vehicle(name) for name in vehicle_names()]
each_vehicle = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
CODES = {words: code for code, words in COLOURS.items()}


def test_sources_and_drawings_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert writer.main(["--check"]) == 0, capsys.readouterr().out
    assert draw.main(["--check"]) == 0, capsys.readouterr().out


def test_the_page_shows_every_drawing() -> None:
    page = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"\(harness/drawings/(.*?)\.svg\)", page))
    assert shown == {path.stem for path in FOLDER.glob("*.yml")}
    pictures = set(re.findall(r"\(vehicles/(.*?)\.svg\)", page))
    assert pictures == set(vehicle_names())


def bill(config: VehicleConfig) -> Counter[str]:
    """What WireViz counted over all sheets, by its own words."""
    found: Counter[str] = Counter()
    sheets = [f"{config.name}-*", f"vcu-box-{config.harness.board}-*"]
    paths = [path for sheet in sheets for path in draw.DRAWINGS.glob(f"{sheet}.bom.tsv")]
    assert len(paths) == 7
    for path in paths:
        for row in csv.DictReader(io.StringIO(path.read_text("utf-8")), delimiter="\t"):
            found[row["Description"]] += round(float(row["Qty"]) * 10)
    return found


def words_of(description: str) -> str:
    """A line of WireViz as the parts list would say it."""
    if description.startswith("Cable, "):
        return description.removeprefix("Cable, ").removesuffix(" shielded")
    if description.startswith("Connector, "):
        return re.sub(r", \d+ pins$", "", description.removeprefix("Connector, "))
    return description


@each_vehicle
def test_the_parts_list_is_the_sum_of_the_bills_of_materials(config: VehicleConfig) -> None:
    bought = [item for item in parts_list(config) if item.where != ["loom"]]
    expected = {}
    for item in bought:
        name = item.item
        if name.startswith("Wire, "):
            name, colour = name.rsplit(", ", 1)
            name = f"{name}, {CODES[colour]}"
        expected[name] = round(item.quantity * 10)
    counted: Counter[str] = Counter()
    for description, tenths in bill(config).items():
        words = words_of(description)
        if words.startswith("Rail, "):
            continue  # a solder joint
        # Components of a part carry a reason behind their name.
        names = [name for name in expected if words == name or words.startswith(f"{name}, ")]
        assert len(names) == 1, description
        counted[names[0]] += tenths
    assert dict(counted) == expected


def test_the_program_draws_what_is_committed(tmp_path: Path) -> None:
    """WireViz itself, on one vehicle: the same bill of materials, a drawing with every part."""
    sources = sorted(FOLDER.glob("tadpole-passenger-*.yml"))
    assert len(sources) == 5
    folder, drawings = tmp_path / "sources", tmp_path / "drawn"
    folder.mkdir()
    for source in sources:
        (folder / source.name).write_bytes(source.read_bytes())
    assert draw.main([], folder, drawings) == 0
    assert draw.main(["--check"], folder, drawings) == 0
    for source in sources:
        bom = f"{source.stem}.bom.tsv"
        assert (drawings / bom).read_text() == (draw.DRAWINGS / bom).read_text()
        svg = (drawings / f"{source.stem}.svg").read_text(encoding="utf-8")
        parts_and_cables = re.findall(r"^  (\w+):$", source.read_text(encoding="utf-8"), re.M)
        assert len(parts_and_cables) > 5
        assert [name for name in parts_and_cables if f">{name}</text>" not in svg] == []
    changed = folder / sources[0].name
    changed.write_text(changed.read_text().replace("0.75 mm2", "1 mm2"))
    (drawings / "old.svg").write_text("")
    assert draw.stale(sorted(folder.glob("*.yml")), drawings) == [
        f"{sources[0].stem}.svg",
        "old.svg",
    ]


def test_a_source_that_cannot_be_drawn_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.yml").write_text("connections:\n  - - A: [1]\n    - W: [1]\n")
    assert draw.main([], tmp_path, tmp_path / "drawn") == 1
    assert capsys.readouterr().err.startswith("bad.yml: WireViz failed: ")


def test_an_old_source_is_named_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(writer, "FOLDER", tmp_path)
    (tmp_path / "gone-power.yml").write_text("old")
    assert writer.main(["--check"]) == 1
    assert "hw/harness/gone-power.yml: differs" in capsys.readouterr().out
    assert writer.main([]) == writer.main(["--check"]) == 0
    assert not (tmp_path / "gone-power.yml").exists()
    assert writer.main(["--chekc"]) == 2


def test_the_list_is_printed_as_csv_and_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert parts.main(["delta-cargo", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    contactors = [row for row in rows if row["item"].startswith("Contactor")]
    assert [(row["quantity"], row["where"]) for row in contactors] == [("2", "K1 K2")]
    assert parts.main(["delta-cargo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(rows) + 2
    assert {line.count(" | ") for line in lines} == {4}
    assert parts.main(["tadpole-cargo", "--board", "virtual"]) == 0
    assert "MCP2518FD" not in capsys.readouterr().out
    assert parts.main(["tadpole-cargo"]) == 0
    assert "| electronics | CAN controller, MCP2518FD | 1 | pc | U2 |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "usage"),
        (["a", "b"], 2, "usage"),
        (["delta-cargo", "--csv", "--md"], 2, "usage"),
        (["delta-cargo", "--board"], 2, "usage"),
        (["../can/vehicle"], 1, "expected one of delta-cargo"),
        (["missing.toml"], 1, "missing.toml: cannot be read"),
        (["delta-cargo", "--board", "../hw"], 1, "no folder of boards/"),
    ],
)
def test_a_wrong_word_is_told(
    arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parts.main(arguments) == status
    assert words in capsys.readouterr().err
