"""The pictures of the vehicles: current, true to the rigid body, and with no text over another."""

import itertools
import math
from xml.etree import ElementTree

import pytest

from hw.model.rollover import Condition, lifts
from hw.pictures import __main__ as pictures
from hw.pictures.sheet import lean_deg, sheet
from hw.vehicle_config import FOLDER, VehicleConfig, load_vehicle, vehicle_names

SVG = "{http://www.w3.org/2000/svg}"
CONFIGS = [load_vehicle(name) for name in vehicle_names()]
each_vehicle = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
Box = tuple[float, float, float, float]


def test_the_committed_pictures_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert pictures.main(["--check"]) == 0, capsys.readouterr().out


def test_old_missing_and_superfluous_pictures_are_told(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pictures, "FOLDER", tmp_path)
    assert pictures.main(["--check"]) == 1
    assert capsys.readouterr().out.count("differs, run python -m hw.pictures") == 4
    assert pictures.main([]) == pictures.main(["--check"]) == 0
    (pictures.FOLDER / "gone.svg").write_text("old")
    (pictures.FOLDER / "delta-cargo.svg").write_text("old")
    assert pictures.main(["--check"]) == 1
    out = capsys.readouterr().out
    assert "hw/vehicles/gone.svg" in out and "hw/vehicles/delta-cargo.svg" in out
    assert pictures.main(["--draw"]) == 2


def extent(element: ElementTree.Element) -> Box:
    """Left, top, right, bottom of a text; an average letter is 0.6 of its size wide."""
    size, x, y = (float(element.get(key) or 0) for key in ("font-size", "x", "y"))
    width = 0.6 * size * len(element.text or "")
    left = x - width / 2 if element.get("text-anchor") == "middle" else x
    return left, y - 0.75 * size, left + width, y + 0.2 * size


@each_vehicle
def test_no_text_lies_over_another_or_beyond_the_paper(config: VehicleConfig) -> None:
    root = ElementTree.fromstring((FOLDER / f"{config.name}.svg").read_text(encoding="utf-8"))
    width, height = float(root.get("width") or 0), float(root.get("height") or 0)
    boxes = [extent(element) for element in root.iter(f"{SVG}text")]
    assert len(boxes) > 25
    for left, top, right, bottom in boxes:
        assert left >= 0 and top >= 0 and right <= width and bottom <= height
    for (l1, t1, r1, b1), (l2, t2, r2, b2) in itertools.combinations(boxes, 2):
        assert r1 <= l2 or r2 <= l1 or b1 <= t2 or b2 <= t1, (l1, t1, l2, t2)


@each_vehicle
@pytest.mark.parametrize("load", [0.0, 1.0])
def test_the_lean_that_is_printed_is_where_the_rigid_body_tips(
    config: VehicleConfig, load: float
) -> None:
    """Across the line over which it tips, not across the vehicle: a little less than that."""
    geometry = config.geometry
    along = geometry.wheelbase_m * (1 if config.layout == "delta" else -1)
    line = math.atan2(geometry.track_m / 2, along)

    def tips(degrees: float) -> bool:
        slope = math.tan(math.radians(degrees))
        across, lengthwise = slope * math.cos(line), slope * math.sin(line)
        # The side towards which it leans is the lower one.
        return lifts(config, Condition(load=load, bank=across, grade=lengthwise))

    lean = lean_deg(config, load)
    results = {(tips(sign * (lean - 0.5)), tips(sign * (lean + 0.5))) for sign in (-1, 1)}
    assert (False, True) in results


def test_what_is_drawn_follows_the_numbers() -> None:
    """A pack more is a rectangle more in each view."""
    two = load_vehicle("delta-cargo")
    one = VehicleConfig(**{**two.__dict__, "packs": two.packs[:1]})
    fill = 'fill="#2f6fb3"'
    assert sheet(two).count(fill) - sheet(one).count(fill) == 2
