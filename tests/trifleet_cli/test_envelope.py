"""The pictures in docs/tipover.md are what would be drawn, and show what they should."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hw.vehicle_config import load_vehicle, vehicle_names
from trifleet import envelope
from trifleet.envelope_chart import STYLES, Band, Chart, Curve, draw

PAGE = envelope.ROOT / "docs/tipover.md"
SVG = "{http://www.w3.org/2000/svg}"
each_vehicle = pytest.mark.parametrize("name", vehicle_names())


def test_the_committed_pictures_are_current_and_on_the_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert envelope.main(["--check"]) == 0, capsys.readouterr().out
    shown = re.findall(r"\(img/tipover-(.*)\.svg\)", PAGE.read_text(encoding="utf-8"))
    assert sorted(shown) == vehicle_names()


def test_an_old_or_missing_picture_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(envelope, "ROOT", tmp_path)
    monkeypatch.setattr(envelope, "FOLDER", tmp_path / "img")
    monkeypatch.setattr(envelope, "picture", lambda config: f"{config.name}\n")
    assert envelope.main(["--check"]) == 1
    assert envelope.main([]) == 0 and envelope.main(["--check"]) == 0
    (tmp_path / "img/tipover-delta-cargo.svg").write_text("old\n")
    capsys.readouterr()
    assert envelope.main(["--check"]) == 1
    assert capsys.readouterr().out.startswith("img/tipover-delta-cargo.svg: differs")


def lines_of(name: str) -> dict[str, list[tuple[float, float]]]:
    """Points in pixels by colour and dashes; down is more."""
    path = envelope.FOLDER / f"tipover-{name}.svg"
    found = {}
    for line in ElementTree.parse(path).iter(f"{SVG}polyline"):
        style = (line.get("stroke"), line.get("stroke-dasharray") or "")
        pairs = [pair.split(",") for pair in (line.get("points") or "").split()]
        found[style] = [(float(x), float(y)) for x, y in pairs]
    return {style: found[colour, dashes] for style, (colour, _, dashes) in STYLES.items()}


@each_vehicle
def test_warning_below_cap_below_limit(name: str) -> None:
    lines = lines_of(name)
    top = max(y for _, y in lines["cap"][:1])
    for at, (x, cap) in enumerate(lines["cap"]):
        assert lines["limit"][at][0] == x
        assert lines["limit"][at][1] < cap and lines["laden"][at][1] < cap
        if cap > top:
            assert lines["warning"][at][1] > cap
    delta = load_vehicle(name).layout == "delta"
    assert (lines["braking"][20][1] > lines["laden"][20][1]) == delta


def test_labels_are_escaped_and_every_style_differs() -> None:
    line = [(0.0, 1.0), (30.0, 2.0)]
    curves = tuple(Curve(style, f"{style} <&>", line) for style in STYLES)
    text = draw(Chart("a < b", "c & d", 30.0, 10.0, Band("all", line, line), curves))
    root = ElementTree.fromstring(text)
    said = [element.text for element in root.iter(f"{SVG}text")]
    assert {"a < b", "c & d", "speed in m/s", "km/h", "0°", "30°", "cap <&>"} <= set(said)
    assert len(set(STYLES.values())) == len(STYLES)
