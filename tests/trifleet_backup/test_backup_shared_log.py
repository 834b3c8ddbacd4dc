"""A log in database and store: backed up and restored, and never signed twice."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.schema import statements as table
from fleet_backend.ingest.sequencer import Sequencer
from fleet_backend.ledger.errors import LogCorruptError
from fleet_backend.ledger.keys import load_log_key, log_signer
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.logstore.opening import open_fetch, open_tiles
from fleet_backend.logstore.place import create_shared_log
from tests.fleet.engines import POSTGRES, database_url
from tests.logstore.logstore_stand import make_fleet, store_statements
from trifleet import installation
from trifleet.backups import backup
from trifleet.backups.backup import BackupFolder
from trifleet.backups.restore import Servers, restore
from trifleet.errors import BackupError, InstallationError
from trifleet.layout import Layout, write_private
from trifleet.stack import Stack, StackSettings


class Shared:
    """One installation, its statements and their log."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder / "data")
        installation.found(self.layout, lambda *_: None)
        self.url = database_url(POSTGRES, folder, empty=True)
        self.tiles = f"file://{folder}/store"
        write_private(self.layout.database_url_file, self.url.encode() + b"\n")
        write_private(self.layout.tiles_url_file, self.tiles.encode() + b"\n")
        self.database = make_fleet(self.url)
        key = load_log_key(self.layout.log_key)
        create_shared_log(self.database, open_tiles(self.tiles), self.origin, key)
        self.stored = 0

    @property
    def origin(self) -> str:
        return installation.origin(self.layout)

    def store(self, count: int) -> None:
        store_statements(self.database, self.stored, count)
        self.stored += count

    def seen(self) -> bytes:
        return open_fetch(self.tiles)("checkpoint")


def log_all(layout: Layout, database: Database, tiles: str) -> int:
    """The ledger's program on this database and store; returns the size that readers see."""
    files = [layout.log_key]
    with closing(
        Sequencer.open_shared(database, open_tiles(tiles), installation.origin(layout), files)
    ) as opened:
        while opened.step():
            pass
    log = log_signer(installation.origin(layout), load_log_key(layout.log_key)).verifier
    return LedgerReader(open_fetch(tiles), log).audit().checkpoint.size


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    made = Shared(tmp_path)
    yield made
    made.database.close()


def test_it_goes_on_in_another_database_and_store_where_nobody_saw_more(
    shared: Shared, tmp_path: Path
) -> None:
    shared.store(300)
    assert log_all(shared.layout, shared.database, shared.tiles) == 300
    shared.store(7)
    with shared.database.begin() as connection:
        # In order and not yet signed, as between the first and the fourth step.
        late = update(table).where(table.c.seq == 303)
        connection.execute(late.values(leaf_index=300))
    backup.make(shared.layout, tmp_path / "kept", with_keys=True)
    kept, seen = BackupFolder(tmp_path / "kept"), shared.seen()
    url, tiles = database_url(POSTGRES, tmp_path, empty=True), f"file://{tmp_path}/elsewhere"

    reading = Layout(tmp_path / "reading")
    assert not restore(kept, reading, servers=Servers(url, f"{tiles}-1")).may_sign
    refused = pytest.raises(LogCorruptError, match="knows no log")
    with closing(open_database(url)) as database, refused:
        log_all(reading, database, f"{tiles}-1")

    url = database_url(POSTGRES, tmp_path, empty=True)
    new = Layout(tmp_path / "new")
    assert restore(kept, new, seen=seen, servers=Servers(url, tiles)).may_sign
    with pytest.raises(InstallationError, match=r"the log of .* is shared"):
        Stack(StackSettings(new.root, port=0)).start(lambda *_: None, None)  # type: ignore[arg-type]
    with closing(open_database(url)) as database:
        assert log_all(new, database, tiles) == 307
        store_statements(database, 307, 3)
        assert log_all(new, database, tiles) == 310


def test_a_store_that_shows_more_is_not_signed_over(shared: Shared, tmp_path: Path) -> None:
    """The database was lost, the store was not: it is the newest that anybody has seen."""
    shared.store(5)
    log_all(shared.layout, shared.database, shared.tiles)
    backup.make(shared.layout, tmp_path / "kept", with_keys=True)
    kept, seen = BackupFolder(tmp_path / "kept"), shared.seen()
    shared.store(2)
    log_all(shared.layout, shared.database, shared.tiles)
    url = database_url(POSTGRES, tmp_path, empty=True)
    with pytest.raises(BackupError, match="others have seen 7 entries, the back-up has 5"):
        restore(kept, Layout(tmp_path / "new"), seen=seen, servers=Servers(url, shared.tiles))
    # A log of one folder is made of it all the same, to be read.
    found = restore(kept, Layout(tmp_path / "read"))
    assert (found.size, found.may_sign) == (5, False)
