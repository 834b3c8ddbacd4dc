"""The gateway believes the repository's offline keys and nobody on the way."""

import json
import random
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from release_stand import DIGEST, NAME, PASSPHRASE, Backend, Stand, custom, now, past

from edge_gateway.updates import download, line
from edge_gateway.updates.errors import FetchError, UntrustedError
from protocol import delivery
from protocol.delivery import Piece
from trifleet.releases.errors import ReleaseError

BUNDLE = random.Random(7).randbytes(40 * delivery.PIECE + 11)


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    monkeypatch.setattr(download, "FIRST_AGAIN_S", 0.01)
    monkeypatch.setattr(download, "SILENCE_S", 0.3)
    monkeypatch.setattr(line, "_POLL_S", 0.005)
    made = Stand(tmp_path)
    made.publish(BUNDLE)
    return made


def snapshot_of(stand: Stand, name: str) -> Path:
    """A copy of what is online now."""
    copy = stand.folder / name
    shutil.copytree(stand.repository.folder, copy)
    return copy


def test_a_bundle_comes_whole_through_a_line_that_loses_a_tenth(stand: Stand) -> None:
    backend = Backend(stand.repository.folder, loss=0.1, seed=5)
    found = stand.client(backend).get(NAME, DIGEST)
    assert found.path.read_bytes() == BUNDLE and found.receipt.read_bytes() == b"receipt"
    assert (found.board, found.number) == ("virtual", 7)
    assert backend.lost > 0
    assert not list((stand.folder / "gateway/partial").iterdir())


def test_a_restart_goes_on_where_it_stood(stand: Stand) -> None:
    first = Backend(stand.repository.folder)

    def die(piece: Piece) -> Piece:
        if piece.name.startswith("targets/") and piece.offset >= 20 * delivery.PIECE:
            stand.stop.set()
        return piece

    first.spoil = die
    with pytest.raises(FetchError):
        stand.client(first).get(NAME, DIGEST)
    # Power went in the middle of a write: the end is torn.
    (kept,) = (one for one in (stand.folder / "gateway/partial").iterdir())
    with kept.open("r+b") as torn:
        torn.truncate(kept.stat().st_size - 100)
    stand.stop.clear()
    second = Backend(stand.repository.folder)
    assert stand.client(second).get(NAME, DIGEST).path.read_bytes() == BUNDLE
    offsets = [offset for name, offset in second.asked if name.endswith(NAME)]
    assert min(offsets) >= 15 * delivery.PIECE


def test_wrong_bytes_on_the_way_are_refused_and_the_next_time_it_begins_anew(stand: Stand) -> None:
    def flip(piece: Piece) -> Piece:
        if piece.name.endswith(NAME) and piece.offset == 3 * delivery.PIECE:
            return Piece(piece.name, piece.size, piece.offset, bytes(delivery.PIECE))
        return piece

    bad = Backend(stand.repository.folder)
    bad.spoil = flip
    with pytest.raises(UntrustedError):
        stand.client(bad).get(NAME, DIGEST)
    bundles = stand.folder / "gateway/bundles"
    assert not [one for one in bundles.iterdir() if one.name == NAME]
    assert stand.client().get(NAME, DIGEST).path.read_bytes() == BUNDLE


def test_a_bundle_that_was_changed_on_this_disk_is_fetched_again(stand: Stand) -> None:
    found = stand.client().get(NAME, DIGEST)
    found.path.write_bytes(b"swapped after verification")
    assert stand.client().get(NAME, DIGEST).path.read_bytes() == BUNDLE


def test_rollback_freeze_and_mix_and_match_are_refused(stand: Stand) -> None:
    before = snapshot_of(stand, "before")
    stand.publish(b"newer", "app-8.tfr", 8)
    stand.client().get("app-8.tfr", DIGEST)
    with pytest.raises(UntrustedError):  # rollback: what was true yesterday, well signed
        stand.client(Backend(before)).get(NAME, DIGEST)
    mixed = snapshot_of(stand, "mixed")
    stand.publish(b"newest", "app-9.tfr", 9)
    for old in (before / "metadata").glob("2.targets.json"):
        newest = sorted((stand.repository.folder / "metadata").glob("*.targets.json"))[-1]
        shutil.copy(old, mixed / "metadata" / newest.name)
    for name in ("timestamp.json", "4.snapshot.json"):
        shutil.copy(stand.repository.folder / "metadata" / name, mixed / "metadata" / name)
    with pytest.raises(UntrustedError):  # a snapshot with targets that are not its own
        stand.client(Backend(mixed)).get("app-9.tfr", DIGEST)
    assert stand.client().get("app-9.tfr", DIGEST).path.read_bytes() == b"newest"


def test_an_old_timestamp_is_not_believed_for_ever(tmp_path: Path) -> None:
    frozen = Stand(tmp_path)
    frozen.publish(b"x" * 99)
    frozen.repository.refresh_timestamp(past(2))  # its day was over yesterday
    with pytest.raises(UntrustedError, match="expired"):
        frozen.client().get(NAME, DIGEST)
    assert frozen.repository.refresh_timestamp(now(), timedelta(hours=12))
    assert not frozen.repository.refresh_timestamp(now(), timedelta(hours=12))
    assert frozen.client().get(NAME, DIGEST).path.read_bytes() == b"x" * 99


def test_another_owners_repository_is_not_ours(stand: Stand, tmp_path: Path) -> None:
    other = Stand(tmp_path / "other")
    other.publish(BUNDLE)
    with pytest.raises(UntrustedError):
        stand.client(other.backend).get(NAME, DIGEST)
    stolen = snapshot_of(other, "stolen")
    for role in ("timestamp.json", "2.snapshot.json", "2.targets.json"):
        shutil.copy(stolen / "metadata" / role, stand.repository.folder / "metadata" / role)
    with pytest.raises(UntrustedError):
        stand.client().get(NAME, DIGEST)


def test_the_wanted_release_is_the_signed_one(stand: Stand) -> None:
    with pytest.raises(UntrustedError, match="another release"):
        stand.client().get(NAME, bytes(32))
    with pytest.raises(UntrustedError, match="receipt"):
        stand.client().get("app-1.tfr", DIGEST)


def test_a_silent_backend_ends_the_try_and_a_huge_file_is_not_fetched(stand: Stand) -> None:
    with pytest.raises(FetchError):
        stand.client(Backend(stand.repository.folder, loss=1.0)).get(NAME, DIGEST)
    huge = Backend(stand.repository.folder)
    huge.spoil = lambda piece: Piece(piece.name, delivery.MAX_FILE, 0, bytes(delivery.PIECE))
    with pytest.raises(FetchError, match="larger"):
        stand.client(huge).get(NAME, DIGEST)


def test_a_release_is_published_once_and_by_the_keys_alone(stand: Stand) -> None:
    with pytest.raises(ReleaseError, match="already"):
        stand.publish(b"another", NAME)
    with pytest.raises(ReleaseError, match="passphrase"):
        stand.repository.publish({"x.tfr": (b"x", custom())}, b"another passphrase", now())
    with pytest.raises(ReleaseError, match="not empty"):
        stand.repository.init(PASSPHRASE, now())
    metadata = stand.repository.folder / "metadata/timestamp.json"
    document = json.loads(metadata.read_text())
    document["signed"]["snapshot_meta"] = document["signed"]["meta"]
    metadata.write_text(json.dumps(document))
    with pytest.raises(ReleaseError, match="does not hold"):
        stand.repository.targets()


def test_key_files_are_private_and_locked(stand: Stand) -> None:
    keys = sorted((stand.repository.folder / "keys").glob("*.key"))
    assert [key.name for key in keys] == [
        *(f"root-{number}.key" for number in (1, 2, 3)),
        "snapshot.key",
        "targets.key",
    ]
    for key in keys:
        assert key.stat().st_mode & 0o777 == 0o600
        assert b"ENCRYPTED" in key.read_bytes()
    keys[-1].chmod(0o640)
    with pytest.raises(ReleaseError, match="read by others"):
        stand.publish(b"y", "app-10.tfr", 10)


def test_no_more_pieces_are_under_way_than_the_window() -> None:
    one = download.Download("targets/x", 0, 1 << 20, 4, 0.0)
    assert one.due(0.0) == [0]
    assert one.due(0.1) == []
    whole = Piece("targets/x", 10 * delivery.PIECE, 0, bytes(delivery.PIECE))
    assert one.received(whole, 0.1) == bytes(delivery.PIECE)
    assert one.received(whole, 0.1) == b""  # a copy
    assert one.due(0.2) == [delivery.PIECE * number for number in (1, 2, 3, 4)]
    assert (
        one.received(Piece("targets/x", 10 * delivery.PIECE, 3 * delivery.PIECE, b"c"), 0.2) == b""
    )
    assert one.due(0.3) == []
    assert one.due(5.0)  # asked again
