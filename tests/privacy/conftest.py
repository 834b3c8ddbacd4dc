"""One town, made once a file; each test has a copy of its folder, which nothing runs on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privacy.town import Stopped, Town


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    folder = tmp_path_factory.mktemp("town")
    town = Town(folder)
    town.stand.close()
    return Stopped(folder, town.anna, town.bob)


@pytest.fixture
def stopped(template: Stopped, tmp_path: Path) -> Stopped:
    shutil.copytree(template.layout.root, tmp_path / "data")
    return Stopped(tmp_path, template.anna, template.bob)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A town whose parts run."""
    made = Town(tmp_path)
    yield made
    made.stand.close()
