"""Nobody draws from the generator that a whole process shares.

A thread that does changes what seeded code beside it sees, and a test's repeatable run is none.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("protocol", "hw", "boards", "edge_gateway", "fleet_backend", "workbench", "trifleet")
# Generators of one's own.
OWN = {"Random", "SystemRandom"}


def shared_draws(source: str) -> list[int]:
    """The lines that use the module `random` other than for a generator of one's own."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "random":
            found += [node.lineno] * (node.attr not in OWN)
        if isinstance(node, ast.ImportFrom) and node.module == "random":
            found += [node.lineno for name in node.names if name.name not in OWN]
    return found


def test_no_program_draws_from_the_shared_generator() -> None:
    paths = [path for folder in PACKAGES for path in sorted((ROOT / folder).rglob("*.py"))]
    assert paths
    found = {path: shared_draws(path.read_text(encoding="utf-8")) for path in paths}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import random\nrandom.uniform(0, 1)\n", [2]),
        ("from random import choice, Random\n", [1]),
        ("import random\nrandom.SystemRandom().random()\n", []),
        ("import random\ndef f(chance: random.Random):\n    return chance.random()\n", []),
    ],
)
def test_the_rule_tells_them_apart(source: str, lines: list[int]) -> None:
    assert shared_draws(source) == lines
