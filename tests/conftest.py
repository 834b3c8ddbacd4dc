"""Shared by the tests of the pages and of the whole system: one browser; and the files' order."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright
from running import COMMON
from web_stand import CHROMIUM, FLAGS
from xdist.scheduler import LoadScopeScheduling

from tests import own_random

# No test is about time: a busy machine is no fault of the code.
settings.register_profile("trifleet", deadline=None)
settings.load_profile("trifleet")
own_random.install()

COMMON_STACK = "tests/system/ on the common stack"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def parametrize_fixtures() -> None:
    """In the place of what pytest-embedded prepares for every test: 7 ms, and most have no board.

    A module that uses its `dut` takes the name from there again.
    """


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    leave_out_other_variants(config, items)
    put_in_order(items)


def leave_out_other_variants(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test with `only(variant)`, the cases of the others: they are no tests, so none skips."""
    left_out = [item for item in items if not of_this_variant(item)]
    items[:] = [item for item in items if of_this_variant(item)]
    kept = {item.nodeid.partition("[")[0] for item in items}
    for item in left_out:
        if item.nodeid.partition("[")[0] not in kept:
            raise pytest.UsageError(f"{item.nodeid}: it has `only`, and none of that variant")
    config.hook.pytest_deselected(items=left_out)


def of_this_variant(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("only")
    variants = getattr(item, "callspec", None)
    return mark is None or (variants is not None and mark.args[0] in variants.params.values())


def put_in_order(items: list[pytest.Item]) -> None:
    """Spread files that mostly wait for processes among those that compute: both at once."""
    units: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        units[unit_of(item.nodeid)].append(item)
    units[COMMON_STACK].sort(key=lambda item: COMMON.index(item.path.name))  # the rest as it was
    waiting = [unit for unit, of in units.items() if "/system/" in unit or any(map(is_slow, of))]
    # The longest of all, the other whole stacks, and what else takes its time.
    waiting.sort(key=lambda unit: (unit != COMMON_STACK, "/system/" not in unit))
    computing = [unit for unit in units if unit not in waiting]
    # The last of them begins when two thirds of the others have begun.
    stride = max(1, 2 * len(computing) // (3 * max(1, len(waiting))))
    order: list[str] = []
    for at, unit in enumerate(computing):
        if at % stride == 0 and waiting:
            order.append(waiting.pop(0))
        order.append(unit)
    items[:] = [item for unit in (*order, *waiting) for item in units[unit]]


def is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def unit_of(nodeid: str) -> str:
    """What one worker does in one go: a file, or the files of the common stack."""
    file = nodeid.partition("::")[0]
    common = "/system/" in file and file.rpartition("/")[2] in COMMON
    return COMMON_STACK if common else file


class ByUnit(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """In the place of `--dist loadfile`; another `--dist` is what was asked for."""
    return ByUnit(config, log) if config.getoption("dist") == "loadfile" else None
