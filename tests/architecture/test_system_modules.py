"""Modules that share one stack are named in one list: each is there, and the last one ends it."""

from pathlib import Path

from running import COMMON

SYSTEM = Path(__file__).resolve().parents[1] / "system"


def test_every_module_of_the_common_stack_is_there() -> None:
    assert [name for name in COMMON if not (SYSTEM / name).is_file()] == []


def test_the_last_of_them_ends_it() -> None:
    ends = [name for name in COMMON if "stack.stop()" in (SYSTEM / name).read_text()]
    assert ends == [COMMON[-1]]
