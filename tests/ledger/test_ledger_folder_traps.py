"""A folder that a stranger packed: links and pipes in the place of a log's files."""

import os
import threading
from pathlib import Path

import pytest
from ledger_tools import SIGNER, entries_of, new_log

from fleet_backend.ledger.checkpoint import open_checkpoint
from fleet_backend.ledger.errors import StorageError
from fleet_backend.ledger.fsck import check_log
from fleet_backend.ledger.storage import FolderFetch


@pytest.fixture
def public(tmp_path: Path) -> Path:
    new_log(tmp_path / "log", entries_of(300)).close()
    return tmp_path / "log/public"


def faults(public: Path) -> list[str]:
    fetch = FolderFetch(public)
    signed = open_checkpoint(fetch("checkpoint"), (SIGNER.verifier,))
    return [fault.path for fault in check_log(fetch, signed, listing=fetch.paths()).faults]


def test_what_a_linked_folder_holds_is_checked_like_the_rest(public, tmp_path):
    (public / "tile").rename(tmp_path / "elsewhere")
    (public / "tile").symlink_to(tmp_path / "elsewhere")
    assert faults(public) == []
    (tmp_path / "forged").mkdir()
    (tmp_path / "forged/7").write_bytes(bytes(7 * 32))
    (public / "tile/0/000.p").symlink_to(tmp_path / "forged")
    assert faults(public) == ["tile/0/000.p/7"]


def test_a_circle_of_folders_is_named_and_has_an_end(public):
    (public / "tile/0/again").symlink_to(public)
    assert faults(public) == ["tile/0/again"]


@pytest.mark.parametrize("path", ["tile/0/000", "tile/entries/001.p/44", "checkpoint"])
def test_a_pipe_is_no_file_and_is_not_waited_for(public, path):
    signed = FolderFetch(public)("checkpoint")
    (public / path).unlink()
    os.mkfifo(public / path)
    told: list[object] = []

    def read():
        with pytest.raises(StorageError, match="no ordinary file"):
            FolderFetch(public)(path)
        told.append(path)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(20)
    assert told == [path]
    if path != "checkpoint":
        fetch = FolderFetch(public)
        report = check_log(fetch, open_checkpoint(signed, (SIGNER.verifier,)))
        assert [fault.path for fault in report.faults] == [path]
