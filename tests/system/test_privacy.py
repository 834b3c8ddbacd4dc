"""One of two riders is erased while the whole stack runs; then every byte of every file is read.

The vehicles' folders are left out: they are the vehicles' own flash, which an erasure cannot reach
and names.
"""

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from evidence import ledger_reader
from running import RunningStack

from protocol import command
from tests.privacy import bytes_of
from tests.privacy.town import assert_proofs_hold, trace_of
from trifleet.backups import backup
from trifleet.client import RiderClient
from trifleet.privacy import erase_files
from trifleet.ride import make_ride

pytestmark = pytest.mark.slow
# Flash and bus logs of vehicles; the latter are looked at apart.
VEHICLES = ("data/vehicles/",)


def ride(client: RiderClient, vehicle: str) -> None:
    make_ride(client, lambda step, words: None, vehicle)


def trifleet(*words: str) -> list[dict[str, str]]:
    line = [sys.executable, "-m", "trifleet.cli", *words, "--json"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(text) for text in done.stdout.splitlines()]


def on_the_way(stack: RunningStack, vehicle: str) -> list[tuple[int, int]]:
    """Places of a ride, but for its ends: there the vehicle stands for everybody to see."""
    query = (
        "SELECT lat_e7, lon_e7 FROM telemetry WHERE vehicle = ? AND speed_mmps > 3000"
        " AND lat_e7 IS NOT NULL ORDER BY boot, seq"
    )
    with closing(sqlite3.connect(stack.layout.database)) as database:
        places = list(dict.fromkeys(database.execute(query, (vehicle,)).fetchall()))
    assert len(places) > 10
    return places[3:-6]


def needles_of(stack: RunningStack, rider: bytes, vehicle: str) -> bytes_of.Needles:
    found = bytes_of.of_names(trace_of(stack.layout, rider))
    with closing(sqlite3.connect(stack.layout.database)) as database:
        of_samples = database.execute(
            "SELECT DISTINCT statement_id FROM telemetry WHERE vehicle = ? AND speed_mmps > 0",
            (vehicle,),
        ).fetchall()
    found |= bytes_of.of_bodies(stack.layout.database, [row[0] for row in of_samples])
    for place in on_the_way(stack, vehicle):
        found |= bytes_of.of_place(*place)
    return found


@pytest.fixture(scope="module")
def riders(stack: RunningStack) -> Iterator[tuple[RiderClient, RiderClient]]:
    """Anna on trike-1 and Bob on trike-2, at the same time."""
    made = RiderClient(stack.address), RiderClient(stack.address)
    rides = [
        threading.Thread(target=ride, args=pair)
        for pair in zip(made, ("trike-1", "trike-2"), strict=True)
    ]
    for one in rides:
        one.start()
    for one in rides:
        one.join()
    yield made
    for client in made:
        client.close()


def test_a_rider_is_erased_while_the_stack_runs(
    stack: RunningStack, riders: tuple[RiderClient, RiderClient]
) -> None:
    anna, bob = riders
    room, rider = stack.layout.root.parent, anna.key.thumbprint
    backup.make(stack.layout, room / "kept")
    gone = needles_of(stack, rider, "trike-1")
    kept = needles_of(stack, bob.key.thumbprint, "trike-2")
    before = bytes_of.find(room, gone, VEHICLES)
    assert_found_everywhere(before)
    bus = stack.layout.vehicle("trike-1") / "can.log"
    size = bus.stat().st_size
    reader = ledger_reader(stack.layout)
    old = reader.update()

    told = trifleet("privacy", "erase", "--data", str(stack.layout.root), "--rider", rider.hex())

    assert bytes_of.find(room, gone, VEHICLES) == {}
    assert {"place" in name for name in bytes_of.find(room, kept, VEHICLES)} == {True, False}
    assert bus.stat().st_size < size
    not_reached = [item["text"] for item in told if item["step"] == "not reached"]
    assert any("vehicles" in text for text in not_reached)
    assert any("receipts" in text for text in not_reached)
    reader.update()  # continues what was seen before: nothing of the log was taken out
    assert reader.root_at(old.size) == old.root

    another_ride(bob)
    stack.stop()
    assert bytes_of.find(room, gone, VEHICLES) == {}
    assert assert_proofs_hold(stack.layout) >= old.size


def another_ride(bob: RiderClient) -> None:
    """Broker, gateways and backend found each other again."""
    granted = bob.obtain_grant("trike-2", 600)
    unlock = bob.command("trike-2", granted, command.UNLOCK)
    bob.wait(unlock, ("executed",), 30)
    assert bob.receipt(unlock)


def assert_found_everywhere(before: dict[str, set[str]]) -> None:
    """Where the rider is found before: else nothing would be shown by finding nothing.

    The broker's store holds what is under way, so it may hold nothing just now; that emptying it
    leaves no byte of a message is a test of the broker's own.
    """
    places = {path for paths in before.values() for path in paths}
    # The database's rows may all be in its write-ahead log still.
    assert any(path.startswith("data/fleet.db") for path in places)
    assert "kept/fleet.db" in places
    assert "data/logs/issuer.log" in places
    assert any(path.startswith("data/gateways/gw-1/outbox.db") for path in places)
    kinds = {name.split(" ")[0] for name in before}
    assert {"name", "salt", "body", "place", "request"} <= kinds


def test_the_broker_of_another_folder_is_never_stopped(tmp_path: Path) -> None:
    """A run file that names a process which is no broker of this folder stops nothing."""
    from trifleet.layout import Layout

    layout = Layout(tmp_path)
    layout.broker.mkdir()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        layout.run_file.write_text(json.dumps({"pids": {"broker": other.pid}}))
        assert not erase_files.empty_broker(layout, running=True, wait_s=0.5)
        assert other.poll() is None
        other.kill()
    assert erase_files.empty_broker(layout, running=False)
