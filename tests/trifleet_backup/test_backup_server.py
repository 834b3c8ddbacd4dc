"""A database on a server: backed up while statements arrive, lost, restored, and gone on with."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect

from fleet_backend.fleet import transfer
from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.errors import DatabaseError
from fleet_backend.ledger.keys import load_log_key, log_signer
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from tests.fleet.engines import POSTGRES, database_url
from tests.privacy.town import quiet
from tests.trifleet_backup.server_life import Life, held
from trifleet.backups import backup
from trifleet.backups.backup import BackupFolder
from trifleet.backups.restore import Servers, restore
from trifleet.errors import BackupError, InstallationError
from trifleet.installation import claim
from trifleet.layout import Layout
from trifleet.privacy import erase

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    made = Life(tmp_path)
    yield made
    made.stand.close()


def empty_url(folder: Path) -> str:
    return database_url(POSTGRES, folder, empty=True)


def test_what_was_acknowledged_is_there_once_after_the_loss_of_everything(
    life: Life, tmp_path: Path
) -> None:
    life.report(3)
    kept, least, most = life.back_up_under_load("kept")
    life.report(5)  # acknowledged, logged and seen after the back-up
    life.report(2, acknowledge=False)  # logged as well, and still on the gateway's disk
    last = held(life.url)
    mirror = life.lose_everything()
    seen = (mirror / "checkpoint").read_bytes()
    log = log_signer(life.stand.origin, load_log_key(kept.keys / "ledger/log.key")).verifier
    root = LedgerReader(FolderFetch(mirror), log).root_at(len(last.places))
    # As while it waits for its witnesses: what they were asked for is the newest.
    (mirror / "pending").write_bytes(seen)
    (mirror / "checkpoint").write_bytes((kept.ledger / "public/checkpoint").read_bytes())

    with pytest.raises(BackupError, match=r"others have seen .* Give --log"):
        restore(kept, Layout(tmp_path / "no"), seen=seen, servers=Servers(empty_url(tmp_path)))
    assert not (tmp_path / "no").exists()

    new = Layout(tmp_path / "new")
    found = restore(
        kept,
        new,
        seen=seen,
        servers=Servers(empty_url(tmp_path)),
        newer_log=FolderFetch(mirror),
    )
    here = held(new.database_url)
    # Every number of the chain stands once, in the log's own order; contents as of the back-up.
    assert here.chains == last.chains
    assert here.places == last.places
    assert here.open_gaps == 0
    assert found.may_sign
    assert least <= found.size - found.caught_up <= most
    assert here.with_body >= least

    life.go_on(new)
    life.stand.drain("trike-1")  # what was not acknowledged comes again
    assert list(life.stand.outboxes["trike-1"].pending(-1, 10)) == []
    assert held(new.database_url) == here
    life.report(4)
    after = held(new.database_url)
    assert after.chains["gw-1"] == list(range(len(last.chains["gw-1"]) + 4))
    assert (after.open_gaps, after.with_body) == (0, here.with_body + 4)
    reader = LedgerReader(FolderFetch(new.ledger / "public"), log)
    assert reader.audit().checkpoint.size == len(after.places)
    assert reader.root_at(len(last.places)) == root


def test_an_erasure_reaches_the_back_up_of_a_server(life: Life, tmp_path: Path) -> None:
    anna, bob = life.stand.rider(), life.stand.rider()
    for rider in (anna, bob):
        life.stand.ride(rider, "trike-1", [(481_100_001, 23_100_001), (481_200_002, 23_200_002)])
    backup.make(life.layout, tmp_path / "kept", with_keys=True)
    kept = BackupFolder(tmp_path / "kept")
    stored = kept.database.read_bytes()
    assert anna.key.thumbprint in stored
    erase.erase(life.layout, anna.key.thumbprint.hex(), quiet)
    stored = kept.database.read_bytes()
    assert anna.key.thumbprint not in stored
    assert bob.key.thumbprint in stored
    # One that could not be reached is erased from when it is restored, before it is anywhere.
    new = Layout(tmp_path / "new")
    restore(kept, new, servers=Servers(empty_url(tmp_path)))
    with (
        closing(open_database(new.database_url)) as restored,
        restored.read() as there,
        life.stand.database.read() as here,
    ):
        assert transfer.count_rows(there) == transfer.count_rows(here)


def test_a_database_in_use_and_a_restore_that_is_killed(life: Life, tmp_path: Path) -> None:
    life.report(3)
    backup.make(life.layout, tmp_path / "kept", with_keys=True)
    kept = BackupFolder(tmp_path / "kept")
    with pytest.raises(DatabaseError, match="not empty"):
        restore(kept, Layout(tmp_path / "used"), servers=Servers(life.url))
    with pytest.raises(InstallationError, match="was not finished: delete this folder"):
        claim(Layout(tmp_path / "used"))

    url = empty_url(tmp_path)
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from fleet_backend.fleet import transfer\n"
        "from trifleet.backups.backup import BackupFolder; from trifleet.layout import Layout\n"
        "from trifleet.backups.restore import Servers, restore\n"
        "whole = transfer._copy_table\n"
        "def cut(table, source, target):\n"
        "    if table.name == 'records' and target.dialect.name == 'postgresql':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return whole(table, source, target)\n"
        "transfer._copy_table = cut\n"
        "restore(BackupFolder(Path(sys.argv[1])), Layout(Path(sys.argv[2])),"
        " servers=Servers(sys.argv[3]))\n"
    )
    line = [sys.executable, "-c", program, str(kept.root), str(tmp_path / "cut"), url]
    done = subprocess.run(line, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(InstallationError, match=r"restore into .* was not finished"):
        claim(Layout(tmp_path / "cut"))
    with pytest.raises(InstallationError, match="was not finished"):
        backup.make(Layout(tmp_path / "cut"), tmp_path / "other")
    with closing(open_database(url)) as database, database.read() as connection:
        assert inspect(connection).get_table_names() == []
    # The same database takes the next attempt; a reader is told what is missing meanwhile.
    found = restore(kept, Layout(tmp_path / "new"), servers=Servers(url))
    assert held(url) == held(life.url)
    assert found.size == len(held(url).places)
