"""Fixtures of the pages' tests; a test fails for console errors, requests to other hosts and misuse
of the API, whatever else it looked at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_stand import LedgerStand
from playwright.sync_api import Browser, Page
from web_stand import Visitor, WebServer

from tests.api.api_stand import serving


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(tmp_path)
    server.thread.start()
    yield server
    server.stop()
    assert server.fleet.misuse == []


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerStand]:
    """The real API and the pages over a real log."""
    made = LedgerStand(tmp_path_factory.mktemp("ledger-page"))
    with serving(made.app) as address:
        made.url = address
        yield made
    made.close()


@pytest.fixture
def reader(stand: LedgerStand, chromium: Browser) -> Iterator[Visitor]:
    """Who reads the log of `stand`."""
    made = Visitor(chromium, stand.url)
    yield made
    made.close()


@pytest.fixture
def visitor(web: WebServer, chromium: Browser) -> Iterator[Visitor]:
    made = Visitor(chromium, web.url)
    yield made
    made.close()


# --- for tests of single modules: one page for all of a file ---


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    made = WebServer(tmp_path_factory.mktemp("server"))
    made.thread.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def page(server: WebServer, chromium: Browser) -> Iterator[Page]:
    visitor = Visitor(chromium, server.url)
    made = visitor.page()
    made.goto(f"{server.url}/static/icon.svg")
    yield made
    visitor.close()
