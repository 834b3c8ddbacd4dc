"""`trifleet release repository ...` as a person types it, and what `trifleet run` does with it."""

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.edge_gateway.release_stand import past
from trifleet.layout import Layout
from trifleet.releases.errors import ReleaseError
from trifleet.releases.repository import Repository
from trifleet.stack import Stack, StackSettings

PASSPHRASE = "correct horse battery staple"


def release(data: Path, *words: str, typed: str = PASSPHRASE) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "trifleet.cli", "release", "repository", *words]
    done = subprocess.run(
        [*line, "--data", str(data)], input=typed, capture_output=True, text=True, timeout=120
    )
    assert PASSPHRASE not in done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases")
    made = release(folder, "init")
    assert made.returncode == 0, made.stderr
    return folder


def test_a_root_and_a_key_are_renewed(data: Path) -> None:
    done = release(data, "root")
    assert done.returncode == 0
    assert "root 2, until 20" in done.stdout and "the keys are the same" in done.stdout
    done = release(data, "root", "--replace", "timestamp", "--replace", "root-3")
    assert done.returncode == 0 and "root 3" in done.stdout
    assert "new: root-3, timestamp" in done.stdout
    states = json.loads(release(data, "status", "--json").stdout)
    found = [(one["role"], one["version"]) for one in states]
    assert found == [("root", 3), ("targets", 2), ("snapshot", 2), ("timestamp", 2)]
    shown = release(data, "status").stdout
    assert "729 days" in shown and "89 days" in shown and "23 h" in shown


@pytest.mark.parametrize(
    ("words", "typed", "told"),
    [
        (("root", "--replace", "root-4"), PASSPHRASE, "no key is named root-4: root-1, root-2"),
        (("root",), "another one than before", "cannot be opened: another passphrase, or no key"),
        (("root",), "", "cannot be opened: another passphrase, or no key"),
    ],
)
def test_what_does_not_go_is_told_in_one_line(
    data: Path, words: tuple[str, ...], typed: str, told: str
) -> None:
    done = release(data, *words, typed=typed)
    assert done.returncode == 1 and not done.stdout
    assert told in " ".join(done.stderr.split()) and "Traceback" not in done.stderr


def test_without_a_repository_each_says_so(tmp_path: Path) -> None:
    for command in ("root", "status", "refresh", "timestamp"):
        done = release(tmp_path, command)
        assert done.returncode == 1
        assert "trifleet release repository init" in " ".join(done.stderr.split())
    assert release(tmp_path, "init").returncode == 0  # nothing of these stands in its way
    assert "a repository is made once" in " ".join(release(tmp_path, "init").stderr.split())


def test_an_init_that_was_interrupted_is_begun_anew(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.init(PASSPHRASE.encode(), past(0))
    (tmp_path / "metadata/timestamp.json").unlink()
    with pytest.raises(ReleaseError, match="delete the folder, and do it again"):
        repository.init(PASSPHRASE.encode(), past(0))


def test_the_stack_signs_timestamps_and_outlives_a_repository_that_is_broken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    layout = Layout(tmp_path)
    repository = Repository(layout.releases)
    repository.init(PASSPHRASE.encode(), past(2))
    tend(tmp_path)
    assert {one.role: one.version for one in repository.states()}["timestamp"] == 2
    (layout.releases / "timestamp.key").unlink()
    (layout.releases / "metadata/timestamp.json").write_text("{}")
    with caplog.at_level(logging.ERROR):
        tend(tmp_path)
    assert "the releases' timestamp was not renewed" in caplog.text


def tend(folder: Path) -> None:
    """A few turns of what `trifleet run` does while nothing happens."""
    stop = threading.Event()
    end = threading.Timer(0.5, stop.set)
    end.start()
    Stack(StackSettings(folder, port=0)).tend_until(stop)
    end.join()
