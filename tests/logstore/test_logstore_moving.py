"""A log that grew out of its folder goes on in database and store, and nowhere else."""

from pathlib import Path

import pytest
from logstore_stand import KEY, ORIGIN, Site, whole
from logstore_stores import Open
from obstore.store import MemoryStore
from test_logstore_writer import COSIGNED, _cosign

from fleet_backend.fleet.database import Database
from fleet_backend.ingest import ledgerprogram
from fleet_backend.ingest.sequencer import Sequencer
from fleet_backend.ingest.settings import LedgerProgramSettings, WriterSettings
from fleet_backend.ledger.errors import ConfigError, LockLostError, LogCorruptError, StorageError
from fleet_backend.ledger.pemfile import write_key
from fleet_backend.ledger.policy import Policy
from fleet_backend.ledger.writer import LedgerWriter, create_ledger
from fleet_backend.logstore.moving import ASIDE, move_log
from fleet_backend.logstore.objects import ObjectTiles
from tests.fleet.engines import SQLITE

ON_SQLITE = pytest.mark.parametrize("engine", [SQLITE], indirect=True, scope="module")


def _grown(
    database: Database, opens: Open, folder: Path, count: int, policy: Policy | None = None
) -> Site:
    """A log in `folder` that the sequencer of one machine wrote; `opens` is where it will go."""
    create_ledger(folder, ORIGIN, KEY)
    write_key(folder.parent / "log.key", KEY)
    site = Site(database, opens)
    site.put(count)
    sequencer = Sequencer.open(database, folder, ORIGIN, folder.parent / "log.key", policy)
    while sequencer.step():
        pass
    if policy is not None:
        _cosign(sequencer.writer)
    sequencer.close()
    return site


@ON_SQLITE
def test_a_moved_log_goes_on_and_its_folder_does_not(
    database: Database, opens: Open, tmp_path: Path
) -> None:
    folder = tmp_path / "ledger"
    site = _grown(database, opens, folder, 300)
    assert move_log(database, opens(), folder, ORIGIN, [KEY]) == 300
    site.check()
    with pytest.raises(LogCorruptError, match=r"lock\.db is missing"):
        LedgerWriter.open(folder, ORIGIN, KEY)
    site.put(300)
    whole(site).close()
    site.check()
    with pytest.raises(ConfigError, match="holds a log"):
        move_log(database, opens(), folder, ORIGIN, [KEY])


def test_a_cosigned_log_stays_cosigned(database: Database, tmp_path: Path) -> None:
    store = MemoryStore()
    folder, policy = tmp_path / "ledger", COSIGNED.policy
    site = _grown(database, lambda: ObjectTiles(store), folder, 3, policy)
    published = (folder / "public/checkpoint").read_bytes()
    move_log(database, site.opens(), folder, ORIGIN, [KEY], policy)
    assert site.opens().fetch("checkpoint") == published
    with site.writer(COSIGNED) as writer:
        assert writer.is_published


@ON_SQLITE
def test_a_move_that_was_interrupted_is_repeated(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    folder = tmp_path / "ledger"
    site = _grown(database, lambda: ObjectTiles(store), folder, 5)

    def fail(*_: object) -> bytes:
        raise StorageError("made by the test")

    with monkeypatch.context() as patch:
        patch.setattr("fleet_backend.logstore.moving.SqlCheckpoints.create", fail)
        with pytest.raises(StorageError, match="made by the test"):
            move_log(database, site.opens(), folder, ORIGIN, [KEY])
    with pytest.raises(LogCorruptError, match="knows no log"):
        site.writer()
    with pytest.raises(ConfigError, match="interrupted: rename"):
        move_log(database, site.opens(), folder, ORIGIN, [KEY])
    (folder / ASIDE).rename(folder / "lock.db")
    assert move_log(database, site.opens(), folder, ORIGIN, [KEY]) == 5
    site.check()


@ON_SQLITE
def test_a_folder_that_is_written_or_tells_another_story_is_not_moved(
    database: Database, tmp_path: Path
) -> None:
    store = MemoryStore()
    folder = tmp_path / "ledger"
    site = _grown(database, lambda: ObjectTiles(store), folder, 5)
    with LedgerWriter.open(folder, ORIGIN, KEY) as writer:
        with pytest.raises(LockLostError):
            move_log(database, site.opens(), folder, ORIGIN, [KEY])
        writer.append([b"not in the database yet"])
    with pytest.raises(ConfigError, match="knows 5 entries of the log, the folder holds 6"):
        move_log(database, site.opens(), folder, ORIGIN, [KEY])
    assert (folder / "lock.db").exists()


@ON_SQLITE
def test_the_program_moves_a_log_to_its_store_only(
    database: Database, url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "ledger"
    _grown(database, lambda: ObjectTiles(MemoryStore()), folder, 5)

    def settings(**where: object) -> LedgerProgramSettings:
        log = WriterSettings(origin=ORIGIN, key_file=tmp_path / "log.key", **where)
        return LedgerProgramSettings(url, log)

    for call in (ledgerprogram.create, lambda one: ledgerprogram.move(one, folder)):
        with pytest.raises(ConfigError, match="tiles_url"):
            call(settings(directory=folder))
    ledgerprogram.move(settings(tiles_url=f"file://{tmp_path}/shared"), folder)
    moved = (tmp_path / "shared/public/checkpoint").read_bytes()
    assert moved == (folder / "public/checkpoint").read_bytes()
