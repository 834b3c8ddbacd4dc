"""Fixtures of the pages' tests; a test fails for console errors, requests to other hosts and misuse
of the API, whatever else it looked at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from web_stand import CHROMIUM, FLAGS, Visitor, WebServer


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(tmp_path)
    server.thread.start()
    yield server
    server.stop()
    assert server.fleet.misuse == []


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visitor(web: WebServer, chromium: Browser) -> Iterator[Visitor]:
    made = Visitor(chromium, web.url)
    yield made
    made.close()
