"""Routes: geometry against the great circle, turns, the committed streets, refused files."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.errors import ConfigError
from hw.model.route import STREETS, Place, Route, load_routes

ROUTES = load_routes()
# A square of about 111 m, driven north, east, south, west: four right turns.
SQUARE = Route("square", [(0, 0), (10_000, 0), (10_000, 10_000), (0, 10_000)])


def great_circle_m(one: Place, other: Place) -> float:
    lat1, lat2 = math.radians(one.lat_e7 / 1e7), math.radians(other.lat_e7 / 1e7)
    d_lon = math.radians((other.lon_e7 - one.lon_e7) / 1e7)
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin(d_lon / 2) ** 2
    return 2 * 6_371_000 * math.asin(math.sqrt(half))


def test_the_streets_are_those_of_montevideo_and_say_whose_they_are() -> None:
    document = json.loads(STREETS.read_bytes())
    assert "OpenStreetMap contributors" in document["attribution"]
    assert document["licence"] == "ODbL-1.0"
    assert len(ROUTES) >= 12
    for route, item in zip(ROUTES, document["routes"], strict=True):
        assert 400 <= route.length_m <= 1500
        assert route.length_m == pytest.approx(item["length_m"], rel=0.005)
        for lat_e7, lon_e7 in item["points"]:
            assert -349_300_000 < lat_e7 < -348_800_000
            assert -562_200_000 < lon_e7 < -561_500_000


@given(st.sampled_from(ROUTES), st.floats(0, 5000), st.floats(0.01, 20))
def test_distance_along_the_route_is_distance_on_the_ground(
    route: Route, start_m: float, way_m: float
) -> None:
    one, other = route.place(start_m), route.place(start_m + way_m)
    # Around a corner the way is longer than the straight line; never shorter (rounding: 2 cm).
    assert great_circle_m(one, other) <= way_m * 1.002 + 0.03
    if one.heading_cdeg == other.heading_cdeg:
        assert great_circle_m(one, other) == pytest.approx(way_m, rel=0.002, abs=0.03)


@given(st.sampled_from(ROUTES), st.floats(0, 3000))
def test_the_route_is_closed(route: Route, at_m: float) -> None:
    one, other = route.place(at_m), route.place(at_m + route.length_m)
    assert great_circle_m(one, other) < 0.05


def test_headings_are_clockwise_from_north() -> None:
    assert [SQUARE.place(at).heading_cdeg for at in (50, 150, 280, 390)] == [0, 9000, 18000, 27000]


def test_right_turns_are_negative_and_only_near_corners() -> None:
    assert len(SQUARE.corners) == 4
    assert all(corner.angle_rad == pytest.approx(-math.pi / 2) for corner in SQUARE.corners)
    assert SQUARE.curvature_per_m(111.2) == pytest.approx(-1 / 7)
    assert SQUARE.curvature_per_m(55) == 0
    back = Route("left", [(0, 0), (0, 10_000), (10_000, 10_000), (10_000, 0)])
    assert back.curvature_per_m(111.2) == pytest.approx(1 / 7)


def test_the_speed_limit_falls_towards_a_corner() -> None:
    far, near, inside = (SQUARE.speed_limit_mps(at, 1.2) for at in (40, 95, 111))
    assert far > near > inside
    assert inside == pytest.approx(math.sqrt(1.4 * 7))
    # Braking at 1.2 m/s2 from the limit at any point reaches the corner's speed in time.
    assert far**2 - inside**2 == pytest.approx(2 * 1.2 * (111.195 - 7 - 40), rel=0.01)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"routes": []}', '{"routes": [5]}', "[" * 9999])
def test_files_that_are_no_streets_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "streets.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"streets\.json"):
        load_routes(path)


POINTS = [
    [[0, 0], [0, 1]],
    [[0, 0], [0, 0], [0, 10_000]],
    [[0, 0], [0, 1.5], [0, 10_000]],
    [[0, 0], [0, True], [0, 10_000]],
    [[0, 0], [0], [0, 10_000]],
    [[0, 0], [0, 10_000], [900_000_000, 0]],
]


@pytest.mark.parametrize("points", POINTS)
def test_points_that_make_no_route_are_refused(tmp_path: Path, points: object) -> None:
    path = tmp_path / "streets.json"
    item = {"name": "x", "length_m": 1, "points": points}
    path.write_text(json.dumps({"routes": [item]}), encoding="utf-8")
    with pytest.raises(ConfigError):
        load_routes(path)
