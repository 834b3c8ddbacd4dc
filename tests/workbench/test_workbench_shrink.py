"""A smaller application does the same: what is left out is unused, what stays keeps its line."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.application import AS_SOURCE, KEPT, _module, _sources
from workbench.shrink import shrink

ROOT = Path(__file__).resolve().parents[2]
FAILS = "    try:\n        raise ValueError(5)\n    except ValueError"
MAIN = {"main.py": "from app import go\n\nprint(go.run())\n"}


def small(main: dict[str, str] = MAIN, **texts: str) -> dict[str, str]:
    sources = {"app": ""} | {f"app.{name}": text for name, text in texts.items()}
    return shrink(sources, main, frozenset())


def result(texts: dict[str, str], name: str = "app.go") -> object:
    """What run() of a module gives, its imports taken from the same texts."""
    import sys
    import types

    added = {}
    try:
        for module in sorted(texts):
            added[module] = sys.modules[module] = types.ModuleType(module)
            added[module].__path__ = []  # type: ignore[attr-defined]
        for module in sorted(texts, key=lambda one: (one == name, one)):
            exec(texts[module], added[module].__dict__)
            if "." in module:
                setattr(added[module.rpartition(".")[0]], module.rpartition(".")[2], added[module])
        found: object = added[name].run()
        return found
    finally:
        for module in added:
            del sys.modules[module]


GO = """from app import numbers
from app.numbers import LONG_MS as LONG, word

_SHORT_MS = 20
A, B, C = range(3)
BOTH = A | 1 << B
UNUSED = (1, 2)
TABLE = {(A, B): C}

def run():
    return [_SHORT_MS, LONG, numbers.LOW, TABLE[(A, B)], BOTH, -numbers.LOW, word(), f"{C}"]

def unused():
    return _helper()

def _helper():
    return 1
"""
NUMBERS = """LONG_MS = 20 * 5
LOW = -7
LATE = LONG_MS + LOW
LATE += 1

def word():
    return "low"
"""


def test_constants_stand_where_they_are_used_and_the_rest_goes() -> None:
    out = small(go=GO, numbers=NUMBERS)
    assert result(out) == [20, 100, -7, 2, 2, 7, "low", "2"]
    assert result({"app": "", "app.go": GO, "app.numbers": NUMBERS}) == result(out)
    for gone in ("_SHORT_MS", "LONG_MS as LONG", "BOTH", "UNUSED", "unused", "_helper", "A,"):
        assert gone not in out["app.go"], gone
    assert "C" in out["app.go"]  # an f-string speaks of it
    assert "+= 1" in out["app.numbers"]  # it changes: no constant


def test_every_line_stays_where_it_was() -> None:
    out = small(go=GO, numbers=NUMBERS)
    assert out["app.go"].count("\n") == GO.count("\n")
    line = GO.splitlines().index("def run():")
    assert out["app.go"].splitlines()[line] == "def run():"


def test_a_module_that_nobody_imports_stays_away() -> None:
    assert set(small(go="def run():\n    return 1\n", other="X = 1\n")) == {"app", "app.go"}


def test_what_is_for_types_only_needs_nothing() -> None:
    go = (
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from app.other import Thing\n\n"
        'def run(given: "Thing | None" = None) -> "Thing | None":\n    return given\n'
    )
    out = small(go=go, other="class Thing:\n    pass\n")
    assert set(out) == {"app", "app.go"} and "TYPE" not in out["app.go"]


def test_private_names_are_the_same_few_in_each_module() -> None:
    one = (
        "class One:\n    def __init__(self):\n        self._size = 1\n\n"
        "    def get(self):\n        return self._get()\n\n"
        "    def _get(self):\n        return self._size\n"
    )
    two = one.replace("One", "Two").replace("_size", "_width").replace("_get", "_give")
    go = "from app.one import One\nfrom app.two import Two\n\n"
    go += "def run():\n    return One().get() + Two().get()\n"
    out = small(go=go, one=one, two=two)
    assert result(out) == 2
    assert "_size" not in out["app.one"] and "_width" not in out["app.two"]
    assert out["app.one"].count("_0") >= 2 and out["app.two"].count("_0") >= 2


@pytest.mark.parametrize(
    ("keeps", "go"),
    [
        ("_size", "class A:\n    _size = 3\n\ndef run():\n    return getattr(A, '_size')\n"),
        ("size", "def run(size=4):\n    return [size + i for i in (lambda: (1, 2))()]\n"),
        ("size", "def get(size):\n    return size\n\ndef run():\n    return get(size=4)\n"),
        ("size", "def run(size=4):\n    return f'{size}'\n"),
        (
            "size",
            "def get(size):\n    return size\n\ndef run():\n    return get(**{'size': 4})\n",
        ),
        ("LIMIT", "LIMIT = 3\n\ndef run():\n    global LIMIT\n    LIMIT = 4\n    return LIMIT\n"),
        ("LIMIT", "LIMIT = 3\n\ndef run(LIMIT=5):\n    return LIMIT\n"),
        ("_low", "_low = 2\n\ndef run():\n    return f'{_low}'\n"),
        (
            "_names",
            "def _names():\n    return run.__name__\n\ndef run():\n    return f'{_names()}'\n",
        ),
        ("_error", f"def run():\n{FAILS} as _error:\n        return _error.args\n"),
        ("LIMIT", f"LIMIT = 3\n\ndef run():\n{FAILS} as LIMIT:\n        return LIMIT.args\n"),
        ("size", f"def run(size=4):\n{FAILS} as size:\n        return size.args\n"),
        ("size", f"def run(size=4):\n{FAILS} as a0:\n        pass\n    return size\n"),
        ("size", "def run(size=4, *a0):\n    return size\n"),
        ("size", "def run(size=4, *, a0=5):\n    return size\n"),
        ("math", "def run(math=4):\n    import math\n\n    return math.pi\n"),
        ("_go", "async def _go():\n    pass\n\ndef run():\n    return _go().close()\n"),
    ],
)
def test_what_cannot_be_told_is_left_as_it_is(keeps: str, go: str) -> None:
    out = small(go=go)
    assert keeps in out["app.go"]
    assert result(out) == result({"app": "", "app.go": go})


def test_arguments_are_the_same_few_in_each_function() -> None:
    go = (
        "class One:\n    def get(self, low, high=3):\n        high += low\n        return high\n\n"
        "    def a1(self, other):\n        a1 = [other for other in range(other)]\n"
        "        return a1\n\n"
        "def run(number=4):\n    return One().get(number), One().a1(number), \\\n        number\n"
    )
    out = small(go=go)
    assert result(out) == result({"app": "", "app.go": go})
    for gone in ("low", "high", "number", "self"):
        assert gone not in out["app.go"], gone
    assert "other" in out["app.go"]  # a1 is taken


def test_the_fields_of_a_named_tuple_are_one_text() -> None:
    go = "from collections import namedtuple\n\n"
    go += 'A = namedtuple(\n    "A",\n    ("one", "two"),\n)\n\n'
    go += 'B = namedtuple("B", ("one",))\n\ndef run():\n    return A(1, 2).two, B(1).one\n'
    out = small(go=go)
    assert "'one two'" in out["app.go"] and '("one",)' in out["app.go"]
    assert result(out) == result({"app": "", "app.go": go})


def test_a_long_path_is_two_names_that_the_board_has() -> None:
    go = "def get(value, where):\n    return where, value.not_after\n\n"
    go += "class One:\n    not_after = 1\n\n"
    go += 'def run():\n    return get(One(), "grant.not_after"), get(One(), "grant.elsewhere")\n'
    out = small(go=go)
    assert "'grant.' + 'not_after'" in out["app.go"] and '"grant.elsewhere"' in out["app.go"]
    assert result(out) == result({"app": "", "app.go": go})


def test_what_stands_in_a_module_is_known_by_the_module() -> None:
    other = "NAMES = {1: 'encode'}\n\ndef encode():\n    return 1\n\ndef go():\n    return 2\n"
    there = "NAMES = {2: 'b'}\n\ndef encode():\n    return NAMES\n"
    go = "from app import other, there\n\ndef run():\n    return there.encode(), other.go()\n"
    out = small(go=go, other=other, there=there)
    assert result(out) == ({2: "b"}, 2)
    assert "encode" not in out["app.other"] and "NAMES" not in out["app.other"]
    whole = "from app import other, there\n\ndef run():\n    one = other\n"
    whole += "    return there.encode(), one.encode()\n"
    assert result(small(go=whole, other=other, there=there)) == ({2: "b"}, 1)


def test_classes_that_inherit_across_modules_keep_their_names() -> None:
    base = "class Base:\n    def __init__(self):\n        self._base = 1\n"
    go = "from app.base import Base\n\nclass Mine(Base):\n    def more(self):\n"
    go += "        self._mine = 2\n        return self._base + self._mine\n\n"
    go += "def run():\n    return Mine().more()\n"
    out = small(go=go, base=base)
    assert "_base" in out["app.base"] and "_mine" in out["app.go"] and result(out) == 3


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=5), st.data())
def test_any_numbers_mean_the_same(values: list[int], data: st.DataObject) -> None:
    names = [f"N{i}" for i in range(len(values))]
    signs = data.draw(st.lists(st.sampled_from("+-*|&"), min_size=4, max_size=4))
    total = "".join(f"{sign} {name} " for sign, name in zip(signs, names, strict=False))
    go = "".join(f"{name} = {value}\n" for name, value in zip(names, values, strict=True))
    go += (
        f"SUM = 1 {total}\n\ndef run():\n    return [SUM, -SUM, {', '.join(names)}, 2 - N0, -N0]\n"
    )
    assert result(small(go=go)) == result({"app": "", "app.go": go})


def test_the_application_gets_smaller_and_is_still_python() -> None:
    sources = _sources(ROOT / "firmware", "") | _sources(ROOT / "protocol", "protocol/")
    loose = {name: text for name, text in sources.items() if name in AS_SOURCE}
    whole = {_module(name): text for name, text in sources.items() if name not in AS_SOURCE}
    out = shrink(whole, loose, KEPT)
    assert "vcu.safety" in out and "protocol.texts" not in out and "vcu.can.slcan" in out
    for name, text in out.items():
        assert len(ast.parse(text).body) == len(ast.parse(text).body)
        assert text.count("\n") == whole[name].count("\n"), name
    assert sum(map(len, out.values())) < 0.9 * sum(map(len, whole.values()))
