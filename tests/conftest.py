"""Shared by the tests of the pages and of the whole system: one browser; and the files' order."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from web_stand import CHROMIUM, FLAGS


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread files that mostly wait for processes among those that compute: both at once."""
    of_file: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        of_file[item.path].append(item)
    waiting = [path for path in of_file if path.parent.name == "system"]
    computing = [path for path in of_file if path.parent.name != "system"]
    # The last of them begins when two thirds of the others have begun.
    stride = max(1, 2 * len(computing) // (3 * max(1, len(waiting))))
    order: list[Path] = []
    for at, path in enumerate(computing):
        if at % stride == 0 and waiting:
            order.append(waiting.pop(0))
        order.append(path)
    items[:] = [item for path in (*order, *waiting) for item in of_file[path]]
