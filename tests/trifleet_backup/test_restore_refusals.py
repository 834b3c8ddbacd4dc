"""What is not restored, what a restore that was cut short leaves, a log that changes its key."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.errors import FleetError
from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.keys import generate_log_key, load_log_key
from fleet_backend.ledger.rotation import begin_rotation, finish_rotation
from tests.fleet.engines import POSTGRES, database_url
from tests.privacy.town import ANNA, Stopped, assert_proofs_hold, erase_rider, needles, rows_of
from tests.trifleet_backup.server_life import held
from trifleet import installation
from trifleet.backups import backup, restore_database, restore_log
from trifleet.backups import restore as restoring
from trifleet.backups.backup import BackupFolder
from trifleet.backups.restore import Servers, restore
from trifleet.doctor.files import check_installation
from trifleet.doctor.subject import look_at
from trifleet.errors import BackupError, InstallationError, TrifleetError
from trifleet.layout import Layout
from trifleet.privacy.keeping import one_at_a_time


@pytest.fixture
def kept(stopped: Stopped) -> BackupFolder:
    backup.make(stopped.layout, stopped.folder / "kept", with_keys=True)
    return BackupFolder(stopped.folder / "kept")


def seen_in(layout: Layout) -> bytes:
    return (layout.ledger / "public/checkpoint").read_bytes()


def test_a_back_up_of_another_installation_is_refused(
    stopped: Stopped, kept: BackupFolder, tmp_path: Path
) -> None:
    """The other one has the same name, which nothing forbids, and other keys."""
    other = Layout(tmp_path / "other")
    installation.found(other, lambda *_: None)
    with pytest.raises(BackupError, match="of another installation than the keys"):
        restore(kept, Layout(tmp_path / "new"), keys=other.root)
    # Its database in this one's place: the log knows better.
    with closing(open_database(f"sqlite:///{other.database}")) as database:
        database.create_schema()
        installation.register_issuer(other, database)
    kept.database.unlink()
    shutil.copy(other.database, kept.database)
    with pytest.raises(BackupError, match="entry 0 of the log is not in the database"):
        restore(kept, Layout(tmp_path / "new"))
    with pytest.raises(InstallationError, match="was not finished"):
        installation.claim(Layout(tmp_path / "new"))


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def edit(line: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database:
            database.execute(line)
            database.commit()

    return change


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("fleet.db", cut_in_half),
        ("fleet.db", lambda path: path.write_bytes(b"")),
        ("fleet.db", Path.unlink),
        ("fleet.db", lambda path: (path.unlink(), os.mkfifo(path))),
        ("fleet.db", edit("CREATE TRIGGER t AFTER DELETE ON erasures BEGIN SELECT 1; END")),
        ("fleet.db", edit("UPDATE statements SET leaf_index = -5 WHERE id = 1")),
        ("fleet.db", edit("UPDATE statements SET leaf_index = NULL, hash = x'00' WHERE id = 3")),
        ("fleet.db", edit("UPDATE schema_version SET version = 1000")),
        ("signed.checkpoint", Path.unlink),
        ("signed.checkpoint", cut_in_half),
        ("installation.json", lambda path: path.write_text('{"version": 1, "origin": "other"}')),
        ("installation.json", lambda path: path.write_text("[" * 100_000)),
        ("backups.json", lambda path: path.write_text('{"a"')),
        ("ledger/public/checkpoint", cut_in_half),
        ("ledger/public/tile", shutil.rmtree),
    ],
)
def test_a_damaged_or_hostile_folder_is_refused(
    kept: BackupFolder, tmp_path: Path, name: str, spoil: Callable[[Path], Any]
) -> None:
    spoil(kept.root / name)
    new = Layout(tmp_path / "new")
    with pytest.raises((TrifleetError, FleetError, LedgerError)):
        restore(kept, new)
    assert not new.root.exists() or new.unfinished_restore.exists()
    assert not (new.root / "installation.json").exists()


class PowerCutError(BaseException):
    """Nothing of ours catches it."""


@contextmanager
def cut(module: Any, name: str, *, after: bool) -> Iterator[None]:
    whole = getattr(module, name)

    def cutting(*values: Any, **named: Any) -> None:
        if after:
            whole(*values, **named)
        raise PowerCutError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, name, cutting)
        yield


STEPS = (
    (restoring, "_copy_files"),
    (restore_log, "copy"),
    (restore_database.erase_database, "erase_known"),
    (restore_database, "settle"),
    (restore_log, "allow"),
)
IN_EVERY_CHECK = {("erase_known", False), ("settle", True), ("allow", True)}


def moments() -> Iterator[Any]:
    for module, name in STEPS:
        for after in (False, True):
            marks = () if (name, after) in IN_EVERY_CHECK else (pytest.mark.faults,)
            when = "after" if after else "before"
            yield pytest.param(module, name, after, marks=marks, id=f"{when}-{name}")


@pytest.mark.parametrize(("module", "name", "after"), list(moments()))
def test_cut_short_anywhere_nothing_starts_and_no_erased_rider_is_in_the_database(
    stopped: Stopped, tmp_path: Path, module: Any, name: str, after: bool
) -> None:
    backup.make(stopped.layout, tmp_path / "kept", with_keys=True)
    carried = BackupFolder((tmp_path / "kept").rename(tmp_path / "carried"))
    anna = needles(stopped.layout, stopped.anna, ANNA[:-1])
    seen = seen_in(stopped.layout)
    erase_rider(stopped.layout, stopped.anna)
    new = Layout(tmp_path / "new")
    with cut(module, name, after=after), pytest.raises(PowerCutError):
        restore(carried, new, seen=seen, erased_in=[stopped.layout.database])
    with pytest.raises(InstallationError, match="was not finished"):
        installation.claim(new)
    with pytest.raises(InstallationError, match="was not finished"), one_at_a_time(new):
        pass
    assert [found.state for found in check_installation(look_at(new.root))] == ["fail"]
    if new.database.exists():
        assert [key for key in anna.values() if key in new.database.read_bytes()] == []
    shutil.rmtree(new.root)
    found = restore(carried, new, seen=seen, erased_in=[stopped.layout.database])
    assert (found.erased, found.may_sign) == (1, True)
    assert {path.name for path in new.root.glob("*.db*")} == {"fleet.db"}
    assert_proofs_hold(new)


def test_from_one_engine_to_the_other_and_back(
    stopped: Stopped, kept: BackupFolder, tmp_path: Path
) -> None:
    """A server takes what a file held; its back-up is a file that holds the same."""
    url = database_url(POSTGRES, tmp_path, empty=True)
    there = Layout(tmp_path / "there")
    restore(kept, there, seen=seen_in(stopped.layout), servers=Servers(url))
    assert held(url) == held(stopped.layout.database_url)
    backup.make(there, tmp_path / "again", with_keys=True)
    back = Layout(tmp_path / "back")
    restore(BackupFolder(tmp_path / "again"), back, seen=seen_in(there))
    here, first = rows_of(back.database), rows_of(stopped.layout.database)
    assert here == first
    with (
        closing(sqlite3.connect(back.database)) as new,
        closing(sqlite3.connect(stopped.layout.database)) as old,
    ):
        numbers = "SELECT name, seq FROM sqlite_sequence WHERE seq > 0 ORDER BY name"
        assert new.execute(numbers).fetchall() == old.execute(numbers).fetchall()


def test_while_the_log_changes_its_key(stopped: Stopped, tmp_path: Path) -> None:
    """At each of its steps, also while readers see what the former key alone has signed."""
    layout = stopped.layout
    name, new_key = installation.origin(layout), layout.ledger / "log.new.key"
    served = layout.ledger / "public/checkpoint"
    former = served.read_bytes()
    generate_log_key(new_key)
    begin_rotation(layout.ledger, name, load_log_key(layout.log_key), load_log_key(new_key))
    both = served.read_bytes()

    def back_up_and_restore(step: str) -> None:
        kept = BackupFolder(tmp_path / f"kept-{step}")
        backup.make(layout, kept.root, with_keys=True)
        assert restore(kept, Layout(tmp_path / f"new-{step}"), seen=seen_in(layout)).may_sign

    back_up_and_restore("begun")
    layout.log_key.rename(layout.former_log_key)
    new_key.rename(layout.log_key)
    back_up_and_restore("moved")
    served.write_bytes(former)  # as while witnesses are asked
    back_up_and_restore("not-published")
    served.write_bytes(both)
    finish_rotation(layout.ledger, name, load_log_key(layout.log_key))
    back_up_and_restore("finished")
    layout.former_log_key.unlink()
    back_up_and_restore("over")
