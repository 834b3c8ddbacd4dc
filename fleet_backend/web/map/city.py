"""Sorts OpenStreetMap features of Montevideo into the few layers that the demo map draws.

Reads decoded tiles (GeoJSON), writes one line-delimited GeoJSON file a layer. The source has no
coastline: the sea is what lies outside the city's streets and parks, joined over 350 m gaps.
"""

import itertools
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import contourpy  # type: ignore[import-not-found, unused-ignore]
import numpy  # type: ignore[import-not-found, unused-ignore]
import shapely  # type: ignore[import-not-found, import-untyped, unused-ignore]
from scipy import ndimage  # type: ignore[import-not-found, import-untyped, unused-ignore]
from shapely.geometry import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
    box,
    mapping,
    shape,
)

WEST, SOUTH, EAST, NORTH = -56.29, -34.975, -56.02, -34.80
SEA_POINT = (-56.17, -34.965)
CLOSING_M = 350.0
CELL_M = 12.0
PAD = 40
METRES_PER_DEGREE = 111_195.0
LON_SCALE = math.cos(math.radians(34.9))

ROADS = {
    "major": ({"motorway", "trunk", "primary"}, 9),
    "medium": ({"secondary", "tertiary", "trunk_link", "primary_link", "secondary_link"}, 11),
    "minor": (
        {"residential", "unclassified", "living_street", "tertiary_link", "road", "pedestrian"},
        12,
    ),
    "path": ({"service", "footway", "path", "cycleway", "track", "steps"}, 14),
}
GREEN = {
    ("landuse", "grass"), ("landuse", "forest"), ("landuse", "recreation_ground"),
    ("landuse", "cemetery"), ("landuse", "meadow"), ("leisure", "park"), ("leisure", "pitch"),
    ("leisure", "golf_course"), ("leisure", "garden"), ("natural", "grassland"),
    ("natural", "wood"), ("natural", "scrub"),
}  # fmt: skip
SAND = {("natural", "sand"), ("natural", "beach")}

Feature = dict[str, Any]


def features(folder: Path) -> Iterator[Feature]:
    """Every feature of the decoded tiles, in the order of the files' names."""
    for file in sorted(folder.glob("*.json")):
        for layer in json.loads(file.read_text())["features"]:
            yield from layer["features"]


def road_class(highway: str) -> tuple[str, int] | None:
    for name, (kinds, minzoom) in ROADS.items():
        if highway in kinds:
            return name, minzoom
    return None


def sort_line(tags: Feature) -> tuple[str, Feature, int] | None:
    road = road_class(str(tags.get("highway", "")))
    if road:
        named = {"name": tags["name"]} if road[0] == "major" and "name" in tags else {}
        return "roads", {"class": road[0], **named}, road[1]
    if tags.get("railway") == "rail":
        return "roads", {"class": "rail"}, 12
    if tags.get("man_made") == "pier":
        return "roads", {"class": "pier"}, 12
    return None


def sort_area(tags: Feature) -> tuple[str, Feature, int] | None:
    pairs = {(key, str(value)) for key, value in tags.items()}
    if pairs & SAND:
        return "areas", {"class": "sand"}, 10
    if tags.get("natural") == "water":
        return "areas", {"class": "water"}, 10
    if pairs & GREEN:
        return "areas", {"class": "green"}, 11
    if "building" in tags:
        return "buildings", {}, 14
    return None


def sort_feature(feature: Feature) -> tuple[str, Feature, int] | None:
    """(layer, properties, first zoom), or None for what the map does not show."""
    kind, tags = feature["geometry"]["type"], feature["properties"]
    if kind == "Point":
        if tags.get("place") == "suburb" and "name" in tags:
            return "places", {"name": tags["name"]}, 11
        return None
    return sort_line(tags) if kind.endswith("LineString") else sort_area(tags)


def marked_grid(land_parts: list[Any]) -> Any:
    """True where something of the city lies, on a grid of CELL_M, rows from south to north."""
    width = round((EAST - WEST) * METRES_PER_DEGREE * LON_SCALE / CELL_M)
    height = round((NORTH - SOUTH) * METRES_PER_DEGREE / CELL_M)
    grid = numpy.zeros((height, width), dtype=bool)
    step = CELL_M / METRES_PER_DEGREE
    for part in land_parts:
        xy = shapely.get_coordinates(shapely.segmentize(part, step))
        columns = ((xy[:, 0] - WEST) / (EAST - WEST) * width).astype(int)
        rows = ((xy[:, 1] - SOUTH) / (NORTH - SOUTH) * height).astype(int)
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        grid[rows[inside], columns[inside]] = True
    return grid


def sea(land_parts: list[Any]) -> Any:
    """The part of the map's box that holds SEA_POINT once the city is closed over its gaps."""
    city = numpy.pad(marked_grid(land_parts), PAD, mode="edge")
    reach = ndimage.distance_transform_edt(~city) * CELL_M <= CLOSING_M
    depth = ndimage.distance_transform_edt(reach) * CELL_M
    depth = depth[PAD:-PAD, PAD:-PAD]
    rows, columns = depth.shape
    contours = contourpy.contour_generator(
        numpy.linspace(WEST, EAST, columns),
        numpy.linspace(SOUTH, NORTH, rows),
        depth,
        fill_type=contourpy.FillType.OuterOffset,
    )
    point = shapely.Point(SEA_POINT)
    for points, offsets in zip(*contours.filled(-1.0, CLOSING_M - 25), strict=True):
        rings = [points[a:b] for a, b in itertools.pairwise(offsets)]
        part = shapely.Polygon(rings[0], rings[1:]).simplify(8 / METRES_PER_DEGREE)
        if part.contains(point):
            return part
    raise SystemExit("no sea at the expected place")


def write(folder: Path, layer: str, lines: list[str]) -> None:
    (folder / f"{layer}.geojsonl").write_text("\n".join(lines) + "\n")
    print(f"{layer}: {len(lines)} features")


def main(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    bounds, land = box(WEST, SOUTH, EAST, NORTH), []
    layers: dict[str, list[str]] = {}
    for feature in features(source):
        found, geometry = sort_feature(feature), shape(feature["geometry"])
        if not found or not geometry.intersects(bounds):
            continue
        layer, properties, minzoom = found
        if properties.get("class") not in ("water", "pier") and layer != "places":
            land.append(shapely.make_valid(geometry))
        entry = {
            "type": "Feature",
            "tippecanoe": {"minzoom": minzoom},
            "properties": properties,
            "geometry": feature["geometry"],
        }
        layers.setdefault(layer, []).append(json.dumps(entry, ensure_ascii=False))
    geometry = mapping(sea(land))
    entry = {"type": "Feature", "properties": {"class": "sea"}, "geometry": geometry}
    layers.setdefault("areas", []).insert(0, json.dumps(entry))
    for layer, lines in layers.items():
        write(target, layer, lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
