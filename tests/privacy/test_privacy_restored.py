"""Erasures and back-ups across installations: what is restored knows where its riders still are."""

import json
from pathlib import Path

from tests.privacy import bytes_of
from tests.privacy.town import ANNA, Stopped, Town, erase_rider, needles, trace_of
from trifleet.backups import backup, restore
from trifleet.backups.backup import BackupFolder
from trifleet.layout import Layout
from trifleet.privacy import erase_database


def back_up(layout: Layout, target: Path) -> BackupFolder:
    backup.make(layout, target, with_keys=True)
    return BackupFolder(target)


def test_who_is_erased_in_a_restored_folder_is_erased_in_the_back_ups_it_came_from(
    stopped: Stopped,
) -> None:
    """The disk was lost, and its list of back-ups with it."""
    kept = [back_up(stopped.layout, stopped.folder / name) for name in ("first", "second")]
    anna = needles(stopped.layout, stopped.anna, ANNA[:-1])
    new = Layout(stopped.folder / "new")
    restore.restore(kept[-1], new)
    assert all(bytes_of.find(folder.root, anna) for folder in kept)
    report = erase_rider(new, stopped.anna)
    for folder in kept:
        assert bytes_of.find(folder.root, anna) == {}, folder.root
    assert not any("back-up" in text for text in report.not_reached if "not there" in text)


def test_a_back_up_that_was_carried_away_is_known_where_it_is_restored(stopped: Stopped) -> None:
    folder = back_up(stopped.layout, stopped.folder / "kept")
    carried = BackupFolder(folder.root.rename(stopped.folder / "carried"))
    new = Layout(stopped.folder / "new")
    restore.restore(carried, new)
    assert json.loads(new.backups.read_text()) == [str(folder.root), str(carried.root)]


def test_a_rider_who_came_back_after_his_erasure_is_restored(town: Town, tmp_path: Path) -> None:
    erase_rider(town.layout, town.anna)
    anna = town.clients[town.anna]
    anna.register()
    town.stand.ride(anna, "trike-2", ANNA[:1])
    again = trace_of(town.layout, town.anna)
    folder = back_up(town.layout, tmp_path / "kept")
    new = Layout(tmp_path / "new")
    found = restore.restore(folder, new, erased_in=[town.layout.database])
    assert found.erased == 0
    assert trace_of(new, town.anna) == again
    # Erased once more after the back-up was made, he is erased in what is restored from it.
    with town.stand.database.begin() as connection:
        connection.exec_driver_sql("UPDATE erasures SET started = started - 100")
    older = Layout(tmp_path / "older")
    carried = back_up(town.layout, tmp_path / "carried")
    erase_database.erase_rows(town.stand.database, town.anna, even_riding=False)
    assert restore.restore(carried, older, erased_in=[town.layout.database]).erased == 1
    assert trace_of(older, town.anna).is_empty
