"""The ledger before the repository: nothing goes online whose receipt does not hold."""

import dataclasses
import functools
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet_backend.ledger.policy import Policy
from tests.notary.documents import CONTENT, head
from tests.trifleet_releases.release_log import ReleaseLog
from trifleet.releases import publish as publishing
from trifleet.releases.errors import ReleaseError
from trifleet.releases.repository import Repository

PASSPHRASE = b"a passphrase of this test"
NOW = datetime.now(UTC)


@dataclasses.dataclass
class Desk:
    folder: Path
    repository: Repository
    log: ReleaseLog

    def bundle(self, number: int = 2, content: bytes = CONTENT, signers: int = 2) -> Path:
        path = self.folder / f"app-{number}.tfr"
        path.write_bytes(head(number, signers) + content)
        return path

    def publish(self, path: Path, policy: Policy | None = None) -> bytes:
        found = publishing.publish(
            self.repository, path, policy or self.log.policy, PASSPHRASE, NOW, self.log.log
        )
        return found.digest

    @property
    def online(self) -> set[str]:
        return set(self.repository.targets())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    repository = Repository(tmp_path / "repository")
    repository.init(PASSPHRASE, NOW)
    return Desk(tmp_path, repository, ReleaseLog(tmp_path / "log"))


def test_a_release_is_logged_and_then_offered(desk: Desk) -> None:
    path = desk.bundle()
    digest = desk.publish(path)
    beside = path.with_name("app-2.tfr.receipt")
    assert desk.online == {"app-2.tfr", "app-2.tfr.receipt"}
    assert desk.repository.targets()["app-2.tfr"]["digest"] == digest.hex()
    files = {one.name: one.read_bytes() for one in (path, beside)}
    assert desk.repository.has_targets(files)
    assert desk.publish(path) == digest  # again: nothing changes, nothing is logged twice
    assert len(desk.log.logged) == 1


def test_power_gone_between_ledger_and_repository_costs_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.bundle()
    real = desk.repository.publish
    monkeypatch.setattr(desk.repository, "publish", functools.partial(_fails))
    with pytest.raises(OSError, match="power"):
        desk.publish(path)
    assert desk.online == set()
    monkeypatch.setattr(desk.repository, "publish", real)
    desk.publish(path)
    assert "app-2.tfr" in desk.online and len(desk.log.logged) == 1


def _fails(*_: object) -> None:
    raise OSError("power went")


def test_what_the_ledger_does_not_show_is_not_offered(desk: Desk, tmp_path: Path) -> None:
    path = desk.bundle()
    desk.log.swap = head(3)  # a notary that logs something else
    with pytest.raises(ReleaseError, match="does not show"):
        desk.publish(path)
    assert desk.online == set() and not path.with_name("app-2.tfr.receipt").exists()
    desk.log.swap = None
    stranger = ReleaseLog(tmp_path / "stranger")
    path.with_name("app-2.tfr.receipt").write_bytes(stranger.log(head(2)))
    with pytest.raises(ReleaseError, match="does not show"):
        desk.publish(path)
    assert desk.online == set()
    with pytest.raises(ReleaseError, match="--notary"):
        publishing.publish(desk.repository, desk.bundle(4), desk.log.policy, PASSPHRASE, NOW)


def test_bundles_that_no_vehicle_would_take_are_not_logged(desk: Desk) -> None:
    for path, words in [
        (desk.bundle(content=b"no"), "not the one that was signed"),
        (desk.bundle(content=CONTENT + b"!"), "not the one that was signed"),
        (desk.bundle(number=5, signers=0), "not signed"),
    ]:
        with pytest.raises(ReleaseError, match=words):
            desk.publish(path)
    cut = desk.folder / "cut.tfr"
    cut.write_bytes(head(2)[:-1])
    with pytest.raises(ReleaseError, match="no bundle"):
        desk.publish(cut)
    assert desk.log.logged == []


def test_a_number_belongs_to_one_release(desk: Desk) -> None:
    desk.publish(desk.bundle())
    other = desk.folder / "other.tfr"
    other.write_bytes(head(2, 1) + CONTENT)
    with pytest.raises(ReleaseError, match="number 2 already"):
        desk.publish(other)
