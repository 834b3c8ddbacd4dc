"""A mirror of a log that grows while it is pulled, or that is not there yet."""

from pathlib import Path

import pytest
from ledger_tools import KEY, ORIGIN, entries_of, new_log, open_log

from fleet_backend.ledger.errors import BundleError, FetchError
from fleet_backend.ledger.fsck import check_log
from fleet_backend.ledger.keys import log_vkey
from fleet_backend.ledger.mirror import Mirror
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.storage import FolderFetch

POLICY = parse_policy(f"log {log_vkey(ORIGIN, KEY)}\nquorum none\n".encode())


class Growing:
    """`fetch` of a log that grows past its partial tiles as soon as its first bundle is asked."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._fetch = FolderFetch(directory / "public")
        self.asked: list[str] = []

    def __call__(self, path: str) -> bytes:
        self.asked.append(path)
        if path == "tile/entries/000.p/200" and self.asked.count(path) == 1:
            with open_log(self._directory) as log:
                log.append(entries_of(100))
        return self._fetch(path)


@pytest.mark.parametrize("connections", [1, 4])
def test_a_partial_bundle_that_went_meanwhile_is_the_beginning_of_the_full_one(
    tmp_path, connections
):
    new_log(tmp_path / "log", entries_of(200)).close()
    fetch = Growing(tmp_path / "log")
    with Mirror(tmp_path / "mirror", POLICY) as mirror:
        assert mirror.pull(fetch, connections=connections).checkpoint.size == 200
        assert "tile/entries/000" in fetch.asked
        signed = mirror.checkpoint
        assert signed is not None
        held = FolderFetch(mirror.public)
        assert check_log(held, signed, listing=held.paths()).is_good
        assert mirror.pull(fetch).checkpoint.size == 300
        held = FolderFetch(mirror.public)
        assert check_log(held, mirror.checkpoint, listing=held.paths()).is_good


def test_the_full_bundle_is_proved_like_any_other(tmp_path):
    new_log(tmp_path / "log", entries_of(200)).close()
    fetch = FolderFetch(tmp_path / "log/public")
    forged = b"\x00\x01x" * 256

    def lies(path: str) -> bytes:
        if path == "tile/entries/000":
            return forged
        return fetch("tile/entries/001" if path.startswith("tile/entries") else path)

    with Mirror(tmp_path / "mirror", POLICY) as mirror, pytest.raises(BundleError):
        mirror.pull(lies)
    assert not (tmp_path / "mirror/public/checkpoint").exists()


def test_a_log_that_shows_no_checkpoint_yet_is_not_called_wrong(tmp_path):
    (tmp_path / "public").mkdir()
    with Mirror(tmp_path / "mirror", POLICY) as mirror, pytest.raises(FetchError, match="yet"):
        mirror.pull(FolderFetch(tmp_path / "public"))
