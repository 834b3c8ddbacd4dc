"""kill -9 of every process but the vehicle, at random moments of a ride.

Afterwards every record that the vehicle ever sent on its bus is in the ledger exactly once.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import pytest
from evidence import (
    BusLog,
    gaps,
    ledger_reader,
    statements_without_leaf,
    stored_records,
    stored_statements,
)
from running import RunningStack

from protocol import command
from trifleet.client import RiderClient
from trifleet.errors import ClientError

T = TypeVar("T")
PROGRAMS = ("gw-1", "broker", "ingest", "issuer", "api")
RIDE_S = 6.0
SEED = int(os.environ.get("TRIFLEET_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)


def patiently(action: Callable[[], T], wait_s: float = 40.0) -> T:
    """Try again while the server is away, as a phone does."""
    end = time.monotonic() + wait_s
    while True:
        try:
            return action()
        except (httpx.TransportError, ClientError):
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


def ride(stack: RunningStack) -> None:
    """A grant, an unlock, some seconds on the road, a lock; each step until it is done."""
    client = RiderClient(stack.address)
    patiently(client.register)
    granted = patiently(lambda: client.obtain_grant("trike-1", 600))
    patiently(lambda: commanded(client, granted, command.UNLOCK))
    time.sleep(RIDE_S)
    patiently(lambda: commanded(client, granted, command.LOCK))
    client.close()


def commanded(client: RiderClient, granted: dict[str, Any], action: int) -> None:
    wanted = "LOCKED" if action == command.LOCK else "DRIVE"
    name = client.command("trike-1", granted, action)
    end = time.monotonic() + 25
    while time.monotonic() < end:
        if client.state(name)["state"] == "executed":
            return
        if client._get("/v1/vehicles/trike-1")["state"] == wanted:
            return
        time.sleep(0.2)
    raise ClientError(f"{action} was not executed")


def killer(stack: RunningStack, program: str, moments: list[float], failed: list[str]) -> None:
    begin = time.monotonic()
    for moment in moments:
        time.sleep(max(0.0, begin + moment - time.monotonic()))
        try:
            stack.kill(program)
        except BaseException as error:  # pytest.fail, or an assertion: told by the main thread
            failed.append(str(error))
            raise


def is_whole(stack: RunningStack) -> bool:
    """Is everything that the vehicle sent in the database, and all of that in the ledger?"""
    sent = BusLog(stack.layout.vehicle("trike-1") / "can.log").records()
    stored = stored_records(stack.layout, "trike-1")
    return sent <= set(stored) and statements_without_leaf(stack.layout) == 0


def check_history(stack: RunningStack) -> None:
    # Records come while we look, so what was sent so far is fixed first.
    sent = BusLog(stack.layout.vehicle("trike-1") / "can.log").records()
    stack.wait_for(lambda: is_whole(stack), "the last records in the ledger", 60)
    stored = stored_records(stack.layout, "trike-1")
    assert len(sent) > 5
    assert sent <= set(stored)
    assert max(stored.values()) == 1
    for boot in {boot for boot, _ in stored}:
        numbers = sorted(seq for of, seq in stored if of == boot)
        assert numbers == list(range(len(numbers))), f"a gap in boot {boot}"
    assert gaps(stack.layout) == []
    entries = list(ledger_entries(stack))
    assert Counter(entries).most_common(1)[0][1] == 1
    # The ledger may have grown since; the database has at least what the ledger had.
    known = stored_statements(stack.layout)
    assert [known[i] for i in range(len(entries))] == entries


def ledger_entries(stack: RunningStack) -> list[bytes]:
    reader = ledger_reader(stack.layout)
    reader.audit()
    return list(reader.entries(0, reader.checkpoint.size))


def check_with_kills(stack: RunningStack, program: str, kills: int, seed: int) -> None:
    print(f"seed {seed}: TRIFLEET_SEED={seed} repeats it")
    rng = random.Random(f"{seed}{program}")
    failed: list[str] = []
    moments = sorted(rng.uniform(0.2, 4.0 * kills) for _ in range(kills))
    thread = threading.Thread(target=killer, args=(stack, program, moments, failed))
    thread.start()
    rides = 0
    try:
        while thread.is_alive() or not rides:
            ride(stack)
            rides += 1
    finally:
        thread.join()
    assert not failed, failed
    check_history(stack)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_kill_during_a_ride_loses_and_doubles_nothing(stack: RunningStack, program: str) -> None:
    check_with_kills(stack, program, 1, SEED)


@pytest.mark.faults
@pytest.mark.parametrize("program", PROGRAMS)
def test_ten_kills_lose_and_double_nothing(stack: RunningStack, program: str) -> None:
    check_with_kills(stack, program, 10, SEED)


def test_the_vehicle_keeps_its_records_while_the_gateway_is_gone(stack: RunningStack) -> None:
    """The gateway is frozen, not killed: the vehicle resends from the first that is not stored."""
    pid = stack.pid_of("gw-1")
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(6)
    finally:
        os.kill(pid, signal.SIGCONT)
    check_history(stack)
