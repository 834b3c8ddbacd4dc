"""The S3 client's road: lost answers, busy servers, wrong keys, and secrets that stay secret."""

import logging
from pathlib import Path

import pytest
from logstore_s3_server import ACCESS_KEY, BUCKET, SECRET, S3Server
from logstore_stores import write_options
from test_logstore_tiles import note

from fleet_backend.ledger.contracts import TileStore
from fleet_backend.ledger.errors import ConfigError, StorageError
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.tile import Tile
from fleet_backend.logstore import opening
from fleet_backend.logstore.folder import SharedFolder
from fleet_backend.logstore.opening import open_fetch, open_tiles, published_log, read_options

URL = f"s3://{BUCKET}/a/log"


@pytest.fixture
def tiles(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TileStore:
    monkeypatch.setattr(opening, "MAX_RETRIES", 1)
    monkeypatch.setattr("fleet_backend.logstore.objects.PAUSE_S", 0.0)
    return open_tiles(URL, write_options(tmp_path / "s3.toml", s3.options()))


def test_objects_lie_under_the_prefix(s3: S3Server, tiles: TileStore, tmp_path: Path) -> None:
    tiles.add(Tile(0, 1234067), bytes(32))
    tiles.sync()
    tiles.publish(note(3))
    assert set(s3.bucket.objects) == {"a/log/tile/0/x001/x234/067", "a/log/checkpoint"}
    assert open_fetch(URL, tmp_path / "s3.toml")("checkpoint") == note(3)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_write_whose_answer_was_lost_counts_once(
    s3: S3Server, tiles: TileStore, lost: int
) -> None:
    s3.bucket.lose = lost
    tiles.add(Tile(0, 0, 1), bytes(32))
    tiles.sync()
    assert tiles.fetch(Tile(0, 0, 1).path) == bytes(32)
    tiles.publish(note(1))
    s3.bucket.lose = lost
    tiles.publish(note(2))
    tiles.publish(note(3))
    assert s3.bucket.lose == 0
    assert tiles.fetch("checkpoint") == note(3)


def test_a_server_that_is_busy_for_a_moment_is_asked_again(s3: S3Server, tiles: TileStore) -> None:
    s3.bucket.refuse = 1
    tiles.publish(note(1))
    s3.bucket.refuse = 1
    assert tiles.fetch("checkpoint") == note(1)


def test_a_server_that_stays_busy_gives_a_named_error(s3: S3Server, tiles: TileStore) -> None:
    s3.bucket.refuse = 1_000
    tiles.add(Tile(0, 0, 1), bytes(32))
    for call in (
        tiles.sync,
        lambda: tiles.publish(note(1)),
        lambda: tiles.fetch("checkpoint"),
        lambda: tiles.has(Tile(0, 0)),
        lambda: tiles.partial_widths(Tile(0, 0)),
        lambda: tiles.drop_partials(Tile(0, 0)),
        lambda: tiles.show_pending(b"x"),
        lambda: tiles.show_pending(None),
        lambda: tiles.put_signed_root(b"x"),
    ):
        before = len(s3.bucket.requests)
        with pytest.raises(StorageError, match="the object store refused") as raised:
            call()
        assert 1 <= len(s3.bucket.requests) - before <= 6
        assert SECRET not in str(raised.value)
        assert s3.endpoint not in str(raised.value)
    assert s3.bucket.objects == {}


def test_a_wrong_key_is_refused_without_being_shown(s3: S3Server, tmp_path: Path) -> None:
    options = s3.options().replace(ACCESS_KEY, "another-key")
    tiles = open_tiles(URL, write_options(tmp_path / "wrong.toml", options))
    with pytest.raises(StorageError, match="refused") as raised:
        tiles.fetch("checkpoint")
    assert "another-key" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_secrets_may_come_from_the_environment(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT": s3.endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    tiles = open_tiles(URL)
    tiles.publish(note(1))
    assert s3.bucket.objects == {"a/log/checkpoint": note(1)}


def test_a_store_without_conditional_puts_is_refused(s3: S3Server, tiles: TileStore) -> None:
    """Who cannot say whether an object is there cannot keep tiles from being replaced."""
    s3.bucket.conditional = False
    tiles.add(Tile(0, 0, 1), bytes(32))
    with pytest.raises(StorageError, match="refused"):
        tiles.sync()
    assert s3.bucket.objects == {}


def test_a_store_that_only_creates_replaces_checkpoints_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from obstore.store import LocalStore

    from fleet_backend.logstore.objects import ObjectTiles

    local = ObjectTiles(LocalStore(tmp_path))
    with caplog.at_level(logging.WARNING):
        for size in range(4):
            local.publish(note(size))
    assert len(caplog.records) == 1
    assert "no If-Match" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "", "log", "/srv/log", "http://host/log", "https://host/log", "ftp://host/x", "s3:bucket",
        f"s3://key:{SECRET}@bucket/p", f"s3://bucket/p?secret={SECRET}", f"s3://b/p#{SECRET}",
        "file://host/srv/log", "file:relative", "s3://[", f"{SECRET}://x",
    ],
)  # fmt: skip
def test_an_address_that_is_none_or_says_too_much_is_refused(url: str) -> None:
    for open_it in (open_tiles, open_fetch):
        with pytest.raises(ConfigError) as raised:
            open_it(url)
        assert SECRET not in str(raised.value)


def test_a_folder_is_opened_by_its_url(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/a%20b"
    tiles = open_tiles(url)
    assert isinstance(tiles, SharedFolder)
    tiles.prepare()
    tiles.publish(note(1))
    assert (tmp_path / "a b/public/checkpoint").read_bytes() == note(1)
    assert open_fetch(url)("checkpoint") == note(1)
    assert isinstance(published_log(tmp_path, None), FolderFetch)
    with pytest.raises(ConfigError, match="do not say"):
        published_log(None, None)


def test_options_of_others_or_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = write_options(tmp_path / "o.toml", f'secret_access_key = "{SECRET}"\n')
    assert read_options(path) == {"secret_access_key": SECRET}
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="0600"):
        read_options(path)
    for text in (f"x = {SECRET}", "a = 1", "[t]\na = 'b'", "#" * 70_000):
        bad = write_options(tmp_path / "bad.toml", text)
        with pytest.raises(ConfigError) as raised:
            read_options(bad)
        assert SECRET not in str(raised.value)
    with pytest.raises(ConfigError, match="cannot read"):
        read_options(tmp_path / "absent")
    nope = write_options(tmp_path / "nope.toml", f'no_such_option = "{SECRET}"\n')
    with pytest.raises(ConfigError, match="cannot be opened") as raised:
        open_tiles(URL, nope)
    assert SECRET not in str(raised.value)
