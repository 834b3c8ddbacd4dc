"""Back-ups: whole at one moment, without keys, and restored without a second history."""

import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.errors import DatabaseError
from fleet_backend.ingest.sequencer import Sequencer
from fleet_backend.ledger import snapshot
from fleet_backend.ledger.checkpoint import open_checkpoint
from fleet_backend.ledger.errors import LedgerError, LogCorruptError
from fleet_backend.ledger.keys import load_log_key, log_signer
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import LedgerWriter
from tests.privacy import bytes_of
from tests.privacy.town import (
    ANNA,
    BOB,
    Stopped,
    Town,
    assert_proofs_hold,
    erase_rider,
    needles,
    rows_of,
    statements_of,
    trace_of,
)
from trifleet.backups import backup, restore
from trifleet.backups.backup import BackupFolder
from trifleet.errors import BackupError, InstallationError
from trifleet.installation import origin
from trifleet.layout import Layout
from trifleet.privacy.keeping import one_at_a_time


def back_up(stopped: Stopped, name: str = "kept", *, keys: bool = False) -> BackupFolder:
    backup.make(stopped.layout, stopped.folder / name, with_keys=keys)
    return BackupFolder(stopped.folder / name)


def checkpoint_of(layout: Layout) -> bytes:
    return (layout.ledger / "public/checkpoint").read_bytes()


def open_sequencer(layout: Layout) -> None:
    """As the ingest does when it starts."""
    with closing(open_database(f"sqlite:///{layout.database}")) as database:
        opened = Sequencer.open(database, layout.ledger, origin(layout), layout.log_key)
        opened.step()
        opened.close()


def test_a_back_up_is_private_and_holds_no_key(stopped: Stopped) -> None:
    folder = back_up(stopped)
    for path in [folder.root, *folder.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert rows_of(folder.database) == rows_of(stopped.layout.database)
    secrets = [path.read_bytes() for path in backup.key_files(stopped.layout)]
    lines = {f"key {n}": text[40:90] for n, text in enumerate(secrets[:5])}
    assert bytes_of.find(stopped.layout.root, lines).keys() == lines.keys()
    assert bytes_of.find(folder.root, lines) == {}
    assert bytes_of.find(back_up(stopped, "with", keys=True).root, lines).keys() == lines.keys()


def test_restored_it_is_the_same_and_its_log_goes_on_where_nothing_newer_was_seen(
    stopped: Stopped,
) -> None:
    folder = back_up(stopped, keys=True)
    seen = checkpoint_of(stopped.layout)
    new = Layout(stopped.folder / "new")
    found = restore.restore(folder, new, seen=seen)
    assert (found.may_sign, found.erased) == (True, 0)
    assert rows_of(new.database) == rows_of(stopped.layout.database)
    assert assert_proofs_hold(new) == found.size
    with LedgerWriter.open(new.ledger, origin(new), load_log_key(new.log_key)) as writer:
        assert writer.append([b"the next one"]) == found.size
    for path in [new.root, *new.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_without_the_newest_checkpoint_a_restored_log_is_read_and_never_signed(
    stopped: Stopped,
) -> None:
    new = Layout(stopped.folder / "new")
    found = restore.restore(back_up(stopped, keys=True), new)
    assert not found.may_sign
    assert assert_proofs_hold(new) == found.size
    with pytest.raises(LogCorruptError, match="what was signed is not known"):
        open_sequencer(new)


def grow(layout: Layout) -> bytes:
    """The log goes on after a back-up; returns what others see then."""
    with LedgerWriter.open(layout.ledger, origin(layout), load_log_key(layout.log_key)) as writer:
        writer.append([b"seen by others"])
    return checkpoint_of(layout)


def test_a_back_up_that_is_older_than_what_was_seen_is_not_signed_on(stopped: Stopped) -> None:
    folder = back_up(stopped, keys=True)
    seen = grow(stopped.layout)
    new = Layout(stopped.folder / "new")
    with pytest.raises(BackupError, match="others have seen"):
        restore.restore(folder, new, seen=seen)
    assert not (new.ledger / "lock.db").exists()


def test_another_history_than_the_one_that_was_seen_is_not_signed_on(stopped: Stopped) -> None:
    shutil.copytree(stopped.layout.root, stopped.folder / "fork")
    seen = grow(Layout(stopped.folder / "fork"))
    with LedgerWriter.open(
        stopped.layout.ledger, origin(stopped.layout), load_log_key(stopped.layout.log_key)
    ) as writer:
        writer.append([b"another"])
    with pytest.raises(BackupError, match="another history"):
        restore.restore(back_up(stopped, keys=True), Layout(stopped.folder / "new"), seen=seen)


@pytest.mark.parametrize("seen", [b"", b"no note", b"a\n1\nb\n\n\xe2\x80\x94 a AAAA\n"])
def test_nonsense_is_not_what_was_seen(stopped: Stopped, seen: bytes) -> None:
    with pytest.raises(BackupError, match="no checkpoint of this log"):
        restore.restore(back_up(stopped, keys=True), Layout(stopped.folder / "new"), seen=seen)


def test_keys_may_come_from_elsewhere(stopped: Stopped) -> None:
    folder = back_up(stopped)
    with pytest.raises(BackupError, match="no keys"):
        restore.restore(folder, Layout(stopped.folder / "new"))
    with pytest.raises(BackupError, match=r"lacks owner/owner.key"):
        restore.restore(folder, Layout(stopped.folder / "new"), keys=stopped.folder)
    new = Layout(stopped.folder / "new")
    restore.restore(folder, new, keys=stopped.layout.root)
    assert new.owner_key.read_bytes() == stopped.layout.owner_key.read_bytes()


def test_an_unfinished_or_damaged_back_up_is_not_restored(stopped: Stopped) -> None:
    folder, new = back_up(stopped, keys=True), Layout(stopped.folder / "new")
    whole = folder.mark.read_text()
    for text in ("", "[]", '{"version": 2}', '{"version": 1}'):
        folder.mark.write_text(text)
        with pytest.raises(BackupError):
            restore.restore(folder, new)
    folder.mark.unlink()
    with pytest.raises(BackupError, match="not finished"):
        restore.restore(folder, new)
    folder.mark.write_text(whole)
    with folder.database.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(bytes(4096 * 4))
    with pytest.raises(DatabaseError):
        restore.restore(folder, new)
    assert not new.root.exists()


def test_a_flipped_bit_in_the_copied_log_is_found(stopped: Stopped) -> None:
    folder = back_up(stopped, keys=True)
    bundle = next((folder.ledger / "public/tile/entries").rglob("*.p")).glob("*")
    path = sorted(bundle)[-1]
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    with pytest.raises(LedgerError, match=r"hold|hash|root"):
        restore.restore(folder, Layout(stopped.folder / "new"))


def test_folders_that_are_in_use_are_refused(stopped: Stopped) -> None:
    folder = back_up(stopped, keys=True)
    with pytest.raises(BackupError, match="not a new or empty folder"):
        back_up(stopped)
    with pytest.raises(BackupError, match="not a new or empty folder"):
        restore.restore(folder, stopped.layout)
    with pytest.raises(BackupError, match="in the data folder"):
        backup.make(stopped.layout, stopped.layout.root / "copy")
    with one_at_a_time(stopped.layout), pytest.raises(InstallationError, match="under way"):
        backup.make(stopped.layout, stopped.folder / "other")


def test_who_was_erased_since_stays_erased_in_a_restored_copy(stopped: Stopped) -> None:
    """The copy had been carried away: the erasure could not reach it."""
    folder = back_up(stopped, keys=True)
    carried = stopped.folder / "carried"
    folder.root.rename(carried)
    anna = needles(stopped.layout, stopped.anna, ANNA[:-1])
    bob = trace_of(stopped.layout, stopped.bob)
    erase_rider(stopped.layout, stopped.anna)
    new = Layout(stopped.folder / "new")
    found = restore.restore(BackupFolder(carried), new, erased_in=[stopped.layout.database])
    assert found.erased == 1
    assert bytes_of.find(new.root, anna) == {}
    assert trace_of(new, stopped.bob) == bob
    assert_proofs_hold(new)
    # And a back-up of the restored folder knows of it as well.
    assert len(rows_of(new.database)["erasures"]) == 1


def test_an_erasure_in_a_back_up_leaves_the_rest_of_it_whole(stopped: Stopped) -> None:
    folder = back_up(stopped, keys=True)
    before = rows_of(folder.database)
    erase_rider(stopped.layout, stopped.anna)
    after = rows_of(folder.database)
    here = rows_of(stopped.layout.database)
    assert [row["rider_hash"] for row in after.pop("erasures")] == [
        row["rider_hash"] for row in here.pop("erasures")
    ]
    assert after == here
    assert after["statements"] == before["statements"]
    new = Layout(stopped.folder / "new")
    restore.restore(folder, new, seen=checkpoint_of(stopped.layout))
    assert_proofs_hold(new)
    assert bytes_of.find(new.root, needles(new, stopped.bob, BOB)).keys() >= {"name 0"}


def test_a_back_up_of_a_log_that_grows_meanwhile_is_whole(town: Town, tmp_path: Path) -> None:
    """While statements arrive: database and ledger are of one moment, and go on together."""
    kept = [BackupFolder(tmp_path / f"kept-{number}") for number in range(6)]

    def back_up_all() -> None:
        for folder in kept:
            backup.make(town.layout, folder.root, with_keys=True)

    at_work = threading.Thread(target=back_up_all)
    at_work.start()
    while at_work.is_alive():
        town.stand.deliver("trike-2", [town.stand.sample("trike-2", (1, 1), 0)])
    sizes = []
    for number, folder in enumerate(kept):
        log = log_signer(origin(town.layout), load_log_key(town.layout.log_key)).verifier
        signed = open_checkpoint(folder.signed.read_bytes(), (log,))
        new = Layout(tmp_path / f"new-{number}")
        restore.restore(folder, new, seen=signed.note)
        open_sequencer(new)  # heals what was not noted yet; refuses what does not fit
        sizes.append(assert_proofs_hold(new))
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0]


def test_partial_tiles_that_are_gone_are_taken_from_the_full_ones(stopped: Stopped) -> None:
    """The copy is of an older size than the log has grown to meanwhile."""
    layout = stopped.layout
    log = log_signer(origin(layout), load_log_key(layout.log_key)).verifier
    signed = snapshot.newest_signed(layout.ledger, log)
    served = FolderFetch(layout.ledger / "public")
    published = snapshot.newest_published(served, log)
    with LedgerWriter.open(layout.ledger, origin(layout), load_log_key(layout.log_key)) as writer:
        writer.append([b"x"] * 300)
    snapshot.copy_log(served, signed, published, stopped.folder / "copy")
    snapshot.allow_signing(stopped.folder / "copy", signed)
    with LedgerWriter.open(
        stopped.folder / "copy", origin(layout), load_log_key(layout.log_key)
    ) as writer:
        assert writer.size == signed.size


def test_a_copy_serves_what_was_published_before_the_newest_was(stopped: Stopped) -> None:
    """Between signing and publishing, or while witnesses are asked: both have their tiles."""
    layout = stopped.layout
    log = log_signer(origin(layout), load_log_key(layout.log_key)).verifier
    served = FolderFetch(layout.ledger / "public")
    published = snapshot.newest_published(served, log)
    with LedgerWriter.open(layout.ledger, origin(layout), load_log_key(layout.log_key)) as writer:
        writer.append([b"x"] * 3)
    newest = snapshot.newest_signed(layout.ledger, log)
    assert published.size < newest.size < 256
    target = stopped.folder / "copy"
    snapshot.copy_log(served, newest, published, target)
    reader = LedgerReader(FolderFetch(target / "public"), log)
    assert reader.audit().checkpoint.size == published.size
    snapshot.allow_signing(target, newest)
    with LedgerWriter.open(target, origin(layout), load_log_key(layout.log_key)) as writer:
        assert writer.size == newest.size
    assert reader.audit().checkpoint.size == newest.size


def test_a_back_up_of_a_database_that_is_held_back_is_refused(stopped: Stopped) -> None:
    (stopped.layout.database).unlink()
    with pytest.raises(DatabaseError, match="no database"):
        back_up(stopped)


def test_a_damaged_list_of_back_ups_stops_the_erasure(stopped: Stopped) -> None:
    """Else it would say that it was everywhere."""
    stopped.layout.backups.write_text("{")
    with pytest.raises(BackupError, match="damaged"):
        erase_rider(stopped.layout, stopped.anna)
    assert statements_of(stopped.layout, stopped.anna) == []
    with closing(sqlite3.connect(stopped.layout.database)) as database:
        assert database.execute("SELECT state FROM erasures").fetchall() == [("under-way",)]
