"""A closed way along streets: position, heading, and how fast and how steeply its turns are taken.

Local plane around the first point; good to centimetres over the few kilometres of a city. Refuses
street files with other keys, fewer than three points, or points that coincide.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hw.errors import ConfigError

STREETS = Path(__file__).with_name("streets.json")
M_PER_DEGREE = 111_195.0  # of latitude, on a sphere of 6,371 km
CORNER_CUT_M = 7.0  # how far before the corner a turn begins
LATERAL_MPS2 = 1.4
SLOWEST_MPS = 1.5
STRAIGHT_RAD = math.radians(8)
LOOK_AHEAD_M = 80.0
MIN_SIDE_M = 0.5


class Place(NamedTuple):
    """A point of the route; the heading is clockwise from north."""

    lat_e7: int
    lon_e7: int
    heading_cdeg: int


class Corner(NamedTuple):
    """A turn at a point: its angle (left positive), radius and speed."""

    at_m: float
    angle_rad: float
    radius_m: float
    speed_mps: float


class Route:
    """A closed polyline, entered at distance 0 and repeated for ever."""

    def __init__(self, name: str, points: Sequence[tuple[int, int]]) -> None:
        """`points` are (latitude, longitude) in 1e-7 degree. Raises ConfigError."""
        if len(points) < 3:
            raise ConfigError(f"route {name}: expected three points or more, got {len(points)}")
        self.name = name
        self._origin = points[0]
        self._lon_scale = math.cos(math.radians(points[0][0] / 1e7))
        self._xy = [self._local(*point) for point in points]
        self._headings: list[float] = []
        self._starts: list[float] = []
        total = 0.0
        for (x0, y0), (x1, y1) in zip(self._xy, self._xy[1:] + self._xy[:1], strict=True):
            side = math.hypot(x1 - x0, y1 - y0)
            if side < MIN_SIDE_M:
                raise ConfigError(f"route {name}: expected points that are {MIN_SIDE_M} m apart")
            self._headings.append(math.atan2(x1 - x0, y1 - y0))
            self._starts.append(total)
            total += side
        self.length_m = total
        self.corners = self._find_corners()

    def place(self, distance_m: float, offset_m: tuple[float, float] = (0.0, 0.0)) -> Place:
        """Where one is after `distance_m`, moved by `offset_m` to the east and north."""
        along = distance_m % self.length_m
        i = bisect_right(self._starts, along) - 1
        heading, rest = self._headings[i], along - self._starts[i]
        east = self._xy[i][0] + math.sin(heading) * rest + offset_m[0]
        north = self._xy[i][1] + math.cos(heading) * rest + offset_m[1]
        lat_e7 = self._origin[0] + round(north / M_PER_DEGREE * 1e7)
        lon_e7 = self._origin[1] + round(east / M_PER_DEGREE / self._lon_scale * 1e7)
        return Place(lat_e7, lon_e7, round(math.degrees(heading) * 100) % 36000)

    def speed_limit_mps(self, distance_m: float, braking_mps2: float) -> float:
        """The speed from which the turns ahead can still be taken, infinite on a straight."""
        limit = math.inf
        for corner in self.corners:
            ahead = (corner.at_m - CORNER_CUT_M - distance_m) % self.length_m
            if ahead > self.length_m - 2 * CORNER_CUT_M:
                ahead = 0.0  # in the turn
            if ahead <= LOOK_AHEAD_M:
                limit = min(limit, math.sqrt(corner.speed_mps**2 + 2 * braking_mps2 * ahead))
        return limit

    def curvature_per_m(self, distance_m: float) -> float:
        """One over the radius of the turn that one is in, left positive; 0 on a straight."""
        for corner in self.corners:
            since = (distance_m - corner.at_m + CORNER_CUT_M) % self.length_m
            if since < 2 * CORNER_CUT_M:
                return math.copysign(1 / corner.radius_m, corner.angle_rad)
        return 0.0

    def _local(self, lat_e7: int, lon_e7: int) -> tuple[float, float]:
        east = (lon_e7 - self._origin[1]) / 1e7 * M_PER_DEGREE * self._lon_scale
        return east, (lat_e7 - self._origin[0]) / 1e7 * M_PER_DEGREE

    def _find_corners(self) -> list[Corner]:
        corners = []
        for i, start in enumerate(self._starts):
            turn = self._headings[i - 1] - self._headings[i]
            angle = (turn + math.pi) % (2 * math.pi) - math.pi
            if abs(angle) < STRAIGHT_RAD:
                continue
            radius = CORNER_CUT_M / math.tan(min(abs(angle), 3.0) / 2)
            speed = max(SLOWEST_MPS, math.sqrt(LATERAL_MPS2 * radius))
            corners.append(Corner(start, angle, radius, speed))
        return corners


def load_routes(path: Path = STREETS) -> list[Route]:
    """Every route of a street file. Raises ConfigError."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name}: cannot be read: {error}") from error
    routes = document.get("routes") if isinstance(document, dict) else None
    if not isinstance(routes, list) or not routes:
        raise ConfigError(f"{path.name}: routes: expected a list")
    return [_route(item, f"{path.name}: routes[{i}]") for i, item in enumerate(routes)]


def _route(item: object, where: str) -> Route:
    if not isinstance(item, dict) or set(item) != {"name", "length_m", "points"}:
        raise ConfigError(f"{where}: expected name, length_m and points")
    name, points = item["name"], item["points"]
    if not isinstance(name, str) or not isinstance(points, list):
        raise ConfigError(f"{where}: expected a text and a list")
    return Route(name, [_point(point, where) for point in points])


def _point(point: object, where: str) -> tuple[int, int]:
    if not isinstance(point, list) or len(point) != 2:
        raise ConfigError(f"{where}: expected points [latitude, longitude]")
    lat_e7, lon_e7 = point
    if type(lat_e7) is not int or type(lon_e7) is not int:
        raise ConfigError(f"{where}: expected whole numbers, got {point!r}")
    if abs(lat_e7) > 850_000_000 or abs(lon_e7) > 1_800_000_000:
        raise ConfigError(f"{where}: expected degrees times 1e7, got {point!r}")
    return lat_e7, lon_e7
