"""After an erasure no byte of the folder or of a back-up tells of the rider; every proof holds."""

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from fleet_backend.fleet import erasures, subject_access
from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.errors import ValueRefusedError
from fleet_backend.fleet.keys import load_rsa, thumbprint
from tests.command_line import trifleet
from tests.privacy import bytes_of
from tests.privacy.town import (
    ANNA,
    BOB,
    Stopped,
    assert_proofs_hold,
    erase_rider,
    needles,
    quiet,
    rows_of,
    trace_of,
)
from trifleet.backups import backup
from trifleet.errors import InstallationError, PrivacyError
from trifleet.layout import Layout
from trifleet.privacy import erase
from trifleet.privacy.keeping import one_at_a_time


def held(layout: Layout, rider: bytes) -> dict[str, list[dict[str, object]]]:
    """Everything about a rider, as a subject-access export has it."""
    url = f"sqlite:///{layout.database}"
    with closing(open_database(url)) as database, database.read() as connection:
        return subject_access.collect(connection, trace_of(layout, rider))


def must_be_there(found: dict[str, set[str]], wanted: bytes_of.Needles) -> None:
    """The search finds all of this before the erasure: else it could not fail afterwards."""
    kinds = ("name 0", "salt", "body", "request", "key", "place")
    # A record's own encoding lies in compressed bodies only.
    due = {name for name in wanted if name.startswith(kinds) and "in bytes" not in name}
    assert due - found.keys() <= {"key as SPKI"}


def test_no_byte_of_the_rider_is_left(stopped: Stopped) -> None:
    backup.make(stopped.layout, stopped.folder / "kept")
    anna = needles(stopped.layout, stopped.anna, ANNA[:-1])
    before = bytes_of.find(stopped.folder, anna)
    must_be_there(before, anna)
    assert {path.split("/")[0] for path in before["name 0"]} == {"data", "kept"}
    report = erase_rider(stopped.layout, stopped.anna)
    assert bytes_of.find(stopped.folder, anna) == {}
    assert report.deleted["riders"] == 1
    assert report.deleted["telemetry samples"] == len(ANNA)
    assert report.deleted["lines of logs"] == 1
    assert assert_proofs_hold(stopped.layout) > 10


def test_the_other_riders_data_is_whole(stopped: Stopped) -> None:
    before, bob = held(stopped.layout, stopped.bob), needles(stopped.layout, stopped.bob, BOB)
    there = bytes_of.find(stopped.folder, bob)
    erase_rider(stopped.layout, stopped.anna)
    assert held(stopped.layout, stopped.bob) == before
    assert len(before["rides"]) == 2
    assert len(before["telemetry"]) == len(BOB) + 1
    assert bytes_of.find(stopped.folder, bob).keys() == there.keys()


def test_statements_stay_and_nothing_else_of_the_rider_does(stopped: Stopped) -> None:
    before = rows_of(stopped.layout.database)
    erase_rider(stopped.layout, stopped.anna)
    after = rows_of(stopped.layout.database)
    assert after["statements"] == before["statements"]
    assert not any(row["rider"] or row["work"] for row in after["erasures"])
    assert [row["state"] for row in after["erasures"]] == [erasures.FINISHED]
    found = held(stopped.layout, stopped.anna)
    assert {name for name, items in found.items() if items} == {"erasures"}


def test_logs_keep_their_other_lines_and_their_length(stopped: Stopped) -> None:
    log = stopped.layout.logs / "issuer.log"
    before = log.read_text().splitlines()
    erase_rider(stopped.layout, stopped.anna)
    after = log.read_text().splitlines()
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1] == "#" * len(before[1])


# Each is entered at another moment of an erasure.
MOMENTS = (
    "fleet_backend.fleet.erasure.sweep",
    "fleet_backend.fleet.erasure.clear",
    "fleet_backend.fleet.streamed.forget",
    "trifleet.privacy.erase_files.blank_logs",
    "trifleet.privacy.erase_files.empty_broker",
    "trifleet.privacy.erase_files.rewrite_outboxes",
    "trifleet.privacy.erase_database.erase_in_copy",
    "fleet_backend.fleet.erasures.forget",
    "fleet_backend.fleet.sqlite.scrub.rewrite",
    "fleet_backend.fleet.erasures.finish",
    "fleet_backend.fleet.sqlite.scrub.empty_log",
)
KILLED = """
import importlib, os, pathlib, signal, sys
from trifleet.privacy import erase
from trifleet.layout import Layout
module, _, name = sys.argv[1].rpartition(".")
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
setattr(importlib.import_module(module), name, die)
erase.erase(Layout(pathlib.Path(sys.argv[2])), sys.argv[3], lambda *_: None)
"""


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_it_is_finished_by_doing_it_again(
    stopped: Stopped, moment: str
) -> None:
    backup.make(stopped.layout, stopped.folder / "kept")
    anna = needles(stopped.layout, stopped.anna, ANNA[:-1])
    bob = held(stopped.layout, stopped.bob)
    arguments = [moment, str(stopped.layout.root), stopped.anna.hex()]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], timeout=60)
    assert done.returncode == -signal.SIGKILL
    states = [row["state"] for row in rows_of(stopped.layout.database)["erasures"]]
    assert states in ([erasures.UNDER_WAY], [erasures.SCRUBBING], [erasures.FINISHED])
    erase_rider(stopped.layout, stopped.anna)
    assert bytes_of.find(stopped.folder, anna) == {}
    assert held(stopped.layout, stopped.bob) == bob
    assert_proofs_hold(stopped.layout)


def test_a_beginning_of_the_name_is_enough(stopped: Stopped) -> None:
    report = erase.erase(stopped.layout, stopped.anna.hex()[:16] + "...", quiet)
    assert report.rider == stopped.anna.hex()


@pytest.mark.parametrize("text", ["", "anna", "0" * 7, "0" * 65, "fffffffff", "zz" * 32])
def test_what_is_no_name_of_a_rider_is_refused(stopped: Stopped, text: str) -> None:
    before = rows_of(stopped.layout.database)
    with pytest.raises(PrivacyError):
        erase.erase(stopped.layout, text, quiet)
    assert rows_of(stopped.layout.database) == before


def test_an_owner_is_not_erased(stopped: Stopped) -> None:
    owner = thumbprint(load_rsa(stopped.layout.owner_key))
    with pytest.raises(ValueRefusedError, match="owns trike-1, trike-2"):
        erase_rider(stopped.layout, owner)


def test_a_rider_of_whom_nothing_is_held(stopped: Stopped) -> None:
    report = erase_rider(stopped.layout, bytes(32))
    assert report.deleted.total() == 0


def test_erasing_twice_says_that_nothing_is_left(stopped: Stopped) -> None:
    erase_rider(stopped.layout, stopped.anna)
    assert erase_rider(stopped.layout, stopped.anna).deleted.total() == 0


def test_two_erasures_at_once_are_refused(stopped: Stopped) -> None:
    with one_at_a_time(stopped.layout), pytest.raises(InstallationError, match="under way"):
        erase_rider(stopped.layout, stopped.anna)


def test_back_ups_that_are_elsewhere_are_named(stopped: Stopped) -> None:
    kept = stopped.folder / "kept"
    backup.make(stopped.layout, kept)
    kept.rename(stopped.folder / "moved")
    report = erase_rider(stopped.layout, stopped.anna)
    assert any(str(kept) in text for text in report.not_reached)


def test_half_a_back_up_is_deleted(stopped: Stopped) -> None:
    kept = stopped.folder / "kept"
    backup.make(stopped.layout, kept)
    (kept / "backup.json").unlink()
    (kept / "mine.txt").write_text("not made by the tool")
    report = erase_rider(stopped.layout, stopped.anna)
    assert report.deleted["back-ups that were not finished"] == 1
    assert not (kept / "fleet.db").exists()
    assert (kept / "mine.txt").exists()


def test_bus_logs_of_the_vehicles_that_were_ridden_are_emptied(stopped: Stopped) -> None:
    logs = {}
    for vehicle in ("trike-1", "trike-2"):
        folder = stopped.layout.vehicle(vehicle)
        folder.mkdir(parents=True)
        logs[vehicle] = [folder / "can.log", folder / "can.log.1"]
        for path in logs[vehicle]:
            path.write_text("(1.000000) vcan0 050#01\n")
    assert erase_rider(stopped.layout, stopped.anna).deleted["bus logs"] == 2
    assert [path.stat().st_size for path in logs["trike-1"]] == [0, 0]
    assert all(path.stat().st_size > 0 for path in logs["trike-2"])


def test_the_command_says_what_it_deleted_and_could_not_reach(stopped: Stopped) -> None:
    who = ["--data", stopped.layout.root, "--rider", stopped.anna.hex()]
    done = trifleet("privacy", "erase", *who)
    assert done.returncode == 0, done.stderr
    assert "1 riders" in done.stdout
    assert "not reached" in done.stdout
    assert "vehicles" in done.stdout


def test_the_list_of_erasures_names_nobody(stopped: Stopped) -> None:
    names = trace_of(stopped.layout, stopped.anna).names
    erase_rider(stopped.layout, stopped.anna)
    (row,) = rows_of(stopped.layout.database)["erasures"]
    text = repr(row)
    assert not any(name.hex() in text or repr(name) in text for name in names)
    assert Path(stopped.layout.database).stat().st_mode & 0o077 == 0
