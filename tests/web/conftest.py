"""Fixtures of the pages' tests; a test fails for console errors, requests to other hosts and misuse
of the API, whatever else it looked at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from web_stand import Visitor, WebServer


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(tmp_path)
    server.thread.start()
    yield server
    server.stop()
    assert server.fleet.misuse == []


@pytest.fixture
def visitor(web: WebServer, chromium: Browser) -> Iterator[Visitor]:
    made = Visitor(chromium, web.url)
    yield made
    made.close()
