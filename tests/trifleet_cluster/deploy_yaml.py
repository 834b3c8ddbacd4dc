"""Reads what deploy/ holds for containers, and finds containers in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy/compose"
KUBERNETES = ROOT / "deploy/kubernetes"


class _Strict(yaml.SafeLoader):
    """A key that stands there twice is a mistake, which YAML's reader would not tell."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        if len(keys) != len(set(keys)):
            raise ValueError(f"a key is there twice: {keys}")
        return super().construct_mapping(node, deep)


def compose() -> dict[str, Any]:
    return read(COMPOSE / "compose.yaml")[0]


def read(path: Path) -> list[Any]:
    """All documents of a file."""
    return list(yaml.load_all(path.read_text(), _Strict))


def base() -> list[dict[str, Any]]:
    """Every object of the base, in the order of its kustomization."""
    folder = KUBERNETES / "base"
    (listed,) = read(folder / "kustomization.yaml")
    return [one for name in listed["resources"] for one in read(folder / name)]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, specification) of whatever makes pods."""
    for one in base():
        if one["kind"] in ("Deployment", "StatefulSet"):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Those that start before are among them."""
    for name, spec in pods():
        for one in (*spec["initContainers"], *spec["containers"]):
            yield name, one


def strings(value: Any) -> Iterator[str]:
    """Every text in it, keys included."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    else:
        yield str(value)
