"""`trifleet bench can`: a vehicle from its bus, by somebody to whom the owner gave a grant."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import trifleet

from trifleet.commands.bench.simulated import simulated_board
from workbench.uds import update
from workbench.uds.tester import VehicleTester

VEHICLE = "trike-5"
Words = tuple[object, ...]


def bench(*words: object) -> tuple[int, list[dict[str, Any]]]:
    done = trifleet("bench", *words, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["exit"] == done.returncode, done.stderr
    return done.returncode, events


def why(events: list[dict[str, Any]]) -> str:
    return str(next(one["why"] for one in events if one["event"] == "error"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vehicle, its owner's key, and a mechanic's with grants of two kinds."""
    made = tmp_path_factory.mktemp("can")
    code, _ = bench(
        *("commission", "--sim", "--sim-folder", made / "board", "--out", made / "out"),
        *("--vehicle", VEHICLE),
    )
    assert code == 0
    assert trifleet("keys", "new", made / "mechanic.key").returncode == 0
    assert (made / "mechanic.key").stat().st_mode & 0o777 == 0o600
    for name, actions, vehicle in (
        ("both", "diagnose,update", VEHICLE),
        ("drive", "unlock,lock", VEHICLE),
        ("other", "diagnose", "trike-6"),
    ):
        words = (vehicle, "--key", made / "board" / "owner.key", "--actions", actions)
        whom = ("--holder", made / "mechanic.pub", "--out", made / f"{name}.grant")
        assert trifleet("keys", "grant", *words, *whom).returncode == 0
    return made


@pytest.fixture(scope="module")
def channel(folder: Path) -> Iterator[Words]:
    """The vehicle runs; its bus."""
    with simulated_board(folder / "board") as running:
        with VehicleTester.connect(running.channel) as tester:
            update.wait_for(tester, lambda back: bool(back.read("vehicle")))
        yield "--channel", running.channel


def as_mechanic(folder: Path, grant: str) -> Words:
    return "--key", folder / "mechanic.key", "--grant", folder / f"{grant}.grant"


def test_anybody_on_the_bus_reads_what_it_is_and_what_it_lacks(channel: Words) -> None:
    code, events = bench("can", "identify", *channel)
    assert code == 0
    assert events[-1]["values"]["vehicle"] == VEHICLE
    code, events = bench("can", "diagnose", *channel, "--language", "fr")
    troubles = events[-1]["values"]["troubles"]
    # No gateway is on this bus, and none was: nobody misses what was never heard.
    assert (code, troubles) == (0, [])


def test_a_mechanic_tests_and_clears_by_the_owner_s_grant(folder: Path, channel: Words) -> None:
    code, events = bench("can", "selftest", *channel, *as_mechanic(folder, "both"))
    steps = {one["name"]: one["result"] for one in events[-1]["values"]["steps"]}
    assert len(steps) > 8
    assert steps["identity"] == steps["bus"] == steps["random"] == "pass"
    # On a machine that has more to do, frames of a virtual vehicle are late, and it says so.
    failed = {name for name, result in steps.items() if result == "fail"}
    assert failed <= {"cycle"} and code == (17 if failed else 0), events
    code, events = bench("can", "clear", *channel, "--key", folder / "board" / "owner.key")
    assert code == 0, events


@pytest.mark.parametrize(
    ("grant", "code", "words"),
    [("drive", 15, "ACTION"), ("other", 2, "the grant is for trike-6")],
)
def test_nobody_else_changes_anything(
    folder: Path, channel: Words, grant: str, code: int, words: str
) -> None:
    found, events = bench("can", "clear", *channel, *as_mechanic(folder, grant))
    assert (found, words in why(events)) == (code, True), events


def test_a_key_without_a_grant_is_no_owner_s(folder: Path, channel: Words) -> None:
    code, events = bench("can", "clear", *channel, "--key", folder / "mechanic.key")
    assert code == 15 and "OWNER" in why(events)


def test_which_bus_has_to_be_said_and_there(tmp_path: Path) -> None:
    code, events = bench("can", "identify")
    assert code == 2 and "--channel" in why(events)
    code, events = bench("can", "identify", "--channel", "socket://127.0.0.1:9")
    assert code == 18 and "Connection refused" in why(events)
