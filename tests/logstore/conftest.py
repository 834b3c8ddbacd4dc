"""Fixtures: each store in turn, and an S3 server by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from logstore_s3_server import S3Server
from logstore_stores import STORES, Open, store_of


@pytest.fixture(params=STORES)
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    with store_of(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def s3() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.close()
