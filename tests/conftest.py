"""Shared by the tests of the pages and of the whole system: one browser."""

from collections.abc import Iterator

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
