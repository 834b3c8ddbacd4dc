"""The subject-access export: everything about the rider, readable, and nothing about another."""

import json
import re
import secrets
from contextlib import closing
from pathlib import Path

import pytest

from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.errors import SettingsError
from fleet_backend.ledger.policy import parse_policy
from protocol import command, lock
from tests.command_line import trifleet
from tests.privacy.privacy_stand import grant_id_of
from tests.privacy.town import ANNA, Stopped, Town, erase_rider, rows_of, trace_of
from trifleet.errors import PrivacyError
from trifleet.privacy import erase
from trifleet.privacy.keeping import retention
from trifleet.privacy.retain import retain
from trifleet.privacy.subject_access import EXPLAINED, export
from trifleet.receipt import open_receipt

# Where a row of a table stands in the export: (file, its key there, the table's own column).
FILES = {
    "riders": ("riders", "thumbprint", "thumbprint"),
    "grants": ("grants", "public_id", "public_id"),
    "commands": ("commands", "id", "id"),
    "records": ("records", "id", "id"),
    "telemetry": ("telemetry", "statement_id", "statement_id"),
    "events": ("events", "id", "id"),
    "idempotency": ("idempotency", "key", "key"),
    "quarantine": ("quarantine", "id", "id"),
    "bodies": ("statements", "id", "statement_id"),
}


def read(folder: Path) -> dict[str, list[dict[str, object]]]:
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


def plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


@pytest.fixture
def exported(stopped: Stopped) -> Path:
    out = stopped.folder / "out"
    export(stopped.layout, stopped.anna.hex(), out)
    return out


def test_every_row_that_names_the_rider_is_in_it(stopped: Stopped, exported: Path) -> None:
    """Looked for in every cell of every table, apart from what the tool thinks of it."""
    trace = trace_of(stopped.layout, stopped.anna)
    names = {*trace.names, *(name.hex().encode() for name in trace.names)}
    names |= {request.encode() for request in trace.requests}
    files, found = read(exported), 0
    for table, rows in rows_of(stopped.layout.database).items():
        for row in rows:
            cells = [cell.encode() if isinstance(cell, str) else cell for cell in row.values()]
            if not any(name in cell for cell in cells if isinstance(cell, bytes) for name in names):
                continue
            found += 1
            file, key, column = FILES[table]
            assert plain(row[column]) in [item[key] for item in files[file]], table
    assert found > 15


def test_every_sample_of_the_rides_is_in_it_and_no_other(exported: Path) -> None:
    files = read(exported)
    assert [(row["lat_e7"], row["lon_e7"]) for row in files["telemetry"]] == ANNA
    assert len(files["rides"]) == 1
    assert {row["kind_name"] for row in files["records"]} == {"LOCK", "ANSWER"}


def test_signed_documents_stand_beside_what_they_say(stopped: Stopped, exported: Path) -> None:
    files = read(exported)
    (grant,) = files["grants"]
    assert grant["asked"]["vehicle"] == "trike-1"  # type: ignore[index]
    assert grant["granted"][-1]["holder"] == stopped.anna.hex()  # type: ignore[index]
    assert [row["action_name"] for row in files["commands"]] == ["UNLOCK", "LOCK"]
    assert len(files["logs"]) == 1


def test_its_receipts_hold(exported: Path) -> None:
    policy = parse_policy((exported / "policy.txt").read_bytes())
    receipts = sorted((exported / "receipts").iterdir())
    assert len(receipts) == len(read(exported)["statements"]) > len(ANNA)
    for path in receipts:
        assert open_receipt(path.read_bytes(), policy).index == int(path.stem)


def test_each_file_is_explained_and_private(exported: Path) -> None:
    text = (exported / "README.txt").read_text()
    for path in exported.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
    for name, items in read(exported).items():
        assert f"{name}.json ({len(items)})" in text
    assert set(EXPLAINED) | {"logs"} == set(read(exported))


def test_it_tells_nothing_of_another_rider(stopped: Stopped, exported: Path) -> None:
    bob = trace_of(stopped.layout, stopped.bob)
    told = b"".join(path.read_bytes() for path in exported.rglob("*") if path.is_file())
    names = {*bob.names, *(name.hex().encode() for name in bob.names)}
    assert not any(name in told for name in names)
    assert not re.search(rb"48[2]\d00", told)


def test_a_statement_that_tells_of_another_is_named_and_left_out(
    town: Town, tmp_path: Path
) -> None:
    stand, anna, bob = town.stand, town.clients[town.anna], town.clients[town.bob]
    granted = stand.granted(anna, "trike-2")
    mine = grant_id_of(granted)
    name = stand.send(anna, "trike-2", granted, command.UNLOCK)
    other = stand.granted(bob, "trike-2")
    refused = stand.send(bob, "trike-2", other, command.LOCK)
    stand.deliver(
        "trike-2",
        [*stand.unlocked("trike-2", name, mine)]
        + stand.locked("trike-2", refused, grant_id_of(other))
        + [stand.sample("trike-2", (1, 1), lock.LOCKED)],
    )
    export(town.layout, town.anna.hex(), tmp_path / "out")
    shared = [item for item in read(tmp_path / "out")["statements"] if item["shared"]]
    assert len(shared) == 1
    assert not {"salt", "body"} & shared[0].keys()
    assert not (tmp_path / f"out/receipts/{shared[0]['leaf_index']}.receipt").exists()
    told = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert refused.hex().encode() not in told


def test_the_moment_at_which_another_rode_off_is_left_out(town: Town, tmp_path: Path) -> None:
    """The statement with the end of the ride has the next rider's unlock, and not the answer."""
    stand = town.stand
    granted = stand.granted(town.clients[town.anna], "trike-2")
    mine = grant_id_of(granted)
    name = stand.send(town.clients[town.anna], "trike-2", granted, command.UNLOCK)
    stand.deliver("trike-2", stand.unlocked("trike-2", name, mine))
    ended = stand.locked("trike-2", name, mine)
    change, answer = stand.unlocked("trike-2", secrets.token_bytes(16), secrets.token_bytes(16))
    stand.deliver("trike-2", [*ended, change])
    stand.deliver("trike-2", [answer])
    export(town.layout, town.anna.hex(), tmp_path / "out")
    *_, begin, end = read(tmp_path / "out")["statements"]
    assert (begin["shared"], end["shared"]) == (False, True)
    told = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert change.hex().encode() not in told


def test_after_an_erasure_it_says_that_nothing_is_left(stopped: Stopped) -> None:
    erase_rider(stopped.layout, stopped.anna)
    export(stopped.layout, stopped.anna.hex(), stopped.folder / "out")
    files = read(stopped.folder / "out")
    assert {name for name, items in files.items() if items} == {"erasures"}
    assert not (stopped.folder / "out/receipts").exists()


def test_a_folder_in_use_and_an_unknown_rider_are_refused(stopped: Stopped, exported: Path) -> None:
    with pytest.raises(PrivacyError, match="not a new or empty folder"):
        export(stopped.layout, stopped.anna.hex(), exported)
    with pytest.raises(PrivacyError, match="no rider"):
        export(stopped.layout, "ffffffff", stopped.folder / "other")
    assert not (stopped.folder / "other").exists()


def test_the_commands_end_with_one_clear_line(stopped: Stopped) -> None:
    data = ["--data", str(stopped.layout.root)]
    out = str(stopped.folder / "out")
    done = trifleet("privacy", "export", "--rider", stopped.anna.hex(), "--out", out, *data)
    assert done.returncode == 0, done.stderr
    assert "README.txt" in done.stdout
    done = trifleet("privacy", "export", "--rider", "nobody", "--out", out + "2", *data)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    done = trifleet("privacy", "retain", *data)
    assert done.returncode == 0, done.stderr
    done = trifleet("privacy", "kinds", "--json", *data)
    assert {item["name"] for item in json.loads(done.stdout)} >= {"riders", "telemetry"}
    done = trifleet("privacy", "retain", "--data", str(stopped.folder / "none"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_the_operator_may_keep_data_for_less_time(stopped: Stopped) -> None:
    stopped.layout.privacy.write_text("[retention]\ntelemetry_days = 7\n")
    assert retention(stopped.layout).telemetry_days == 7
    assert retention(stopped.layout).bodies_days == 90
    now = max(int(str(row["server_time"])) for row in rows_of(stopped.layout.database)["telemetry"])
    assert "telemetry" not in retain(stopped.layout, now + 7 * 86_400 - 100).deleted
    assert retain(stopped.layout, now + 7 * 86_400 + 100).deleted["telemetry"] > 4
    for text in ("[retention]\ntelemetry_days = 0\n", "[retention]\nforever = 1\n", "x"):
        stopped.layout.privacy.write_text(text)
        with pytest.raises(SettingsError):
            retention(stopped.layout)


def test_a_rider_is_named_by_what_is_shown(stopped: Stopped) -> None:
    with closing(open_database(f"sqlite:///{stopped.layout.database}")) as database:
        for text in (stopped.anna.hex(), stopped.anna.hex().upper(), stopped.anna.hex()[:8]):
            assert erase.resolve(database, text) == stopped.anna
