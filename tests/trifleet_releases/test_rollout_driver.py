"""The driver against the real API and database: one command a vehicle, waves, stop, pause."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from fleet_backend.fleet import commands, releases
from protocol import command, delivery, lock, presentation, update
from protocol import rsa as wire_rsa
from tests.api.api_stand import TOKEN, ApiStand, serving
from trifleet.client import HolderKey, RiderClient
from trifleet.releases import rollout as driver
from trifleet.releases.fleet import ChangedError, FleetClient
from trifleet.releases.rollout import Rollout

DIGEST = bytes(range(32))
FIRST, SECOND = "trike-2", "trike-3"


class Fleet:
    """Two vehicles in two waves; a test says what their gateways and they themselves say."""

    def __init__(self, stand: ApiStand, address: str) -> None:
        self.stand = stand
        self.client = FleetClient(address, TOKEN)
        self.owner = HolderKey(rsa.generate_private_key(65537, 2048))
        self.rider = RiderClient(address, self.owner)
        self.said: list[tuple[str, str]] = []
        self.now_s = 1_000.0
        self._challenges = 0
        body = {
            "digest": DIGEST.hex(), "target": "app-7.tfr", "board": "virtual", "version": "1.7",
            "number": 7, "failures_most": 0, "waves": [[FIRST], [SECOND]],
        }  # fmt: skip
        self.client.create("spring", body)
        self.rollout = self.drive()

    def drive(self) -> Rollout:
        """As a driver that was started again: it knows nothing but what the server says."""
        return Rollout(
            self.client, self.rider, "spring", lambda *what: self.said.append(what),
            lambda: self.now_s,
        )  # fmt: skip

    def gateway(self, vehicle: str, state: int, code: int = 0) -> None:
        with self.stand.database.begin() as connection:
            told = delivery.State(vehicle, DIGEST, state, code, 1000)
            assert releases.heard(connection, told, self.stand.now)

    def record(self, vehicle: str, stage: int, seq: int, code: int = 0) -> None:
        body = {"stage": stage, "digest": DIGEST.hex(), "code": code, "number": 7}
        with self.stand.database.begin() as connection:
            releases.recorded(connection, vehicle, body, (1, seq), self.stand.now)

    def at_rest(self, vehicle: str, **values: int) -> None:
        self._challenges += 1
        self.stand.report(vehicle, values.pop("state", lock.LOCKED), **values)
        self.stand.challenge(self._challenges.to_bytes(16, "big"), vehicle)

    def commands(self, vehicle: str) -> list[commands.CommandRow]:
        with self.stand.database.read() as connection:
            return commands.in_state(connection, commands.QUEUED, vehicle)

    def close(self) -> None:
        self.rider.close()
        self.client.close()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    stand = ApiStand(tmp_path)
    with serving(stand.app) as address:
        made = Fleet(stand, address)
        yield made
        made.close()
    stand.close()


def test_one_signed_command_a_vehicle_and_a_stop_at_the_first_failure(fleet: Fleet) -> None:
    assert fleet.rollout.step()["wave"] == 1
    fleet.at_rest(FIRST)
    fleet.rollout.step()
    assert fleet.commands(FIRST) == []  # its gateway has no bundle yet
    fleet.gateway(FIRST, delivery.FETCHED, update.NOT_ALLOWED)
    for _ in range(3):
        fleet.rollout.step()
    (sent,) = fleet.commands(FIRST)
    asked = presentation.decode(sent.presentation)
    assert (asked.command.action, asked.command.args) == (command.UPDATE, {0: DIGEST})
    assert (asked.grants, asked.keys) == ([], [fleet.owner.modulus])
    message = command.signed_message(asked.payload)
    assert wire_rsa.verify(fleet.owner.modulus, message, asked.signature)
    fleet.gateway(FIRST, delivery.HANDED_OVER)
    fleet.record(FIRST, update.ON_TRIAL, 5)
    assert fleet.rollout.step()["wave"] == 1  # handed over is not done
    fleet.record(FIRST, update.ROLLED_BACK, 6, update.SELF_TEST)
    found = fleet.drive().step()
    assert (found["state"], found["wave"]) == ("stopped", 1)
    assert FIRST in found["reason"] and "SELF_TEST" in found["reason"]
    assert fleet.commands(SECOND) == []
    assert fleet.rollout.run(threading.Event())["state"] == "stopped"


def test_the_next_wave_opens_when_the_vehicle_has_confirmed_and_a_pause_holds(
    fleet: Fleet,
) -> None:
    fleet.rollout.step()
    fleet.record(FIRST, update.CONFIRMED, 9)
    paused = fleet.client.change(fleet.client.rollout("spring"), "paused")
    with pytest.raises(ChangedError):
        fleet.client.change({**paused, "revision": 0}, "stopped")
    assert fleet.rollout.step()["wave"] == 1
    fleet.client.change(paused, "running")
    assert fleet.rollout.step()["wave"] == 2
    fleet.record(SECOND, update.CONFIRMED, 3)
    assert fleet.rollout.step()["state"] == "finished"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"state": lock.DRIVE}, "in use"),
        ({"speed_mmps": 700}, "moves"),
        ({"soc_permille": 299}, "30 %"),
    ],
)
def test_a_vehicle_that_is_ridden_or_low_is_not_asked(
    fleet: Fleet, values: dict[str, int], why: str
) -> None:
    fleet.rollout.step()
    fleet.gateway(FIRST, delivery.FETCHED)
    fleet.at_rest(FIRST, **values)
    fleet.rollout.step()
    assert fleet.commands(FIRST) == []
    assert any(vehicle == FIRST and why in words for vehicle, words in fleet.said)
    fleet.at_rest(FIRST)
    fleet.rollout.step()
    assert len(fleet.commands(FIRST)) == 1


def test_a_command_that_was_refused_is_signed_anew_and_one_that_waits_is_not(fleet: Fleet) -> None:
    fleet.rollout.step()
    fleet.gateway(FIRST, delivery.WAITING, update.BATTERY)
    fleet.at_rest(FIRST)
    fleet.rollout.step()
    (first,) = fleet.commands(FIRST)
    fleet.now_s += driver.LEAVE_S - 1
    fleet.at_rest(FIRST)
    fleet.rollout.step()
    assert len(fleet.commands(FIRST)) == 1  # the vehicle has its leave still
    with fleet.stand.database.begin() as connection:
        commands.advance(connection, first.id, commands.EXPIRE, fleet.stand.now)
    fleet.rollout.step()
    fleet.now_s += driver.AGAIN_S
    fleet.at_rest(FIRST)
    fleet.rollout.step()
    (again,) = fleet.commands(FIRST)
    assert again.id != first.id
