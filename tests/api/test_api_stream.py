"""Live events: what each reader may see, resumed without a gap, and bounded."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from fleet_backend.api.errors import TooManyStreamsError
from fleet_backend.api.hub import Hub, Item
from fleet_backend.fleet import commands, events
from fleet_backend.fleet.events import NewEvent
from protocol import command, lock
from tests.api.api_stand import TOKEN, ApiStand, Client, serving, wait_until
from tests.issuer.parties import present
from tests.issuer.stand import VEHICLE

OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


class Reader:
    """One open stream; `next` gives (event, data, id)."""

    def __init__(self, answer: httpx.Response) -> None:
        assert answer.headers["content-type"].startswith("text/event-stream")
        self._lines = answer.iter_lines()
        self.last_id: str | None = None

    def next(self) -> tuple[str, dict[str, Any]]:
        found: dict[str, str] = {}
        for line in self._lines:
            if line == "" and "data" in found:
                self.last_id = found.get("id", self.last_id)
                return found["event"], json.loads(found["data"])
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                found[name] = value
        raise EOFError


@contextlib.contextmanager
def reading(
    client: Client, path: str, last_id: str | None = None, **headers: str
) -> Iterator[Reader]:
    more = {} if last_id is None else {"Last-Event-ID": last_id}
    with client.stream("GET", path, headers={**headers, **more}) as answer:
        assert answer.status_code == 200, answer.read()
        yield Reader(answer)


@pytest.fixture
def sent(stand: ApiStand, client: Client) -> str:
    """A queued command of a rider."""
    name: str = client.command(stand.present()).json()["id"]
    return name


def test_a_ride_as_its_rider_follows_it(stand: ApiStand, client: Client, sent: str) -> None:
    stand.report(VEHICLE, lock.LOCKED)
    with reading(client, f"/v1/commands/{sent}/stream") as reader:
        assert reader.next()[1]["state"] == "queued"
        stand.report(VEHICLE, lock.DRIVE, speed_mmps=1)  # somebody else's: not shown
        stand.executed(sent)
        kind, data = reader.next()
        assert (kind, data["state"], data["id"]) == ("command", "executed", sent)
        stand.report(VEHICLE, lock.READY)
        kind, data = reader.next()
        assert (kind, data["state"], data["lat_e7"]) == ("vehicle", "READY", 488_566_000)
        stand.report(VEHICLE, lock.DRIVE, speed_mmps=5_000)
        assert reader.next()[1]["speed_mmps"] == 5_000
        stand.locked()
        assert reader.next()[1]["state"] == "LOCKED"
        stand.report(VEHICLE, lock.DRIVE, speed_mmps=9_000)  # the next rider: not shown
        stand.report(VEHICLE, lock.LOCKED, soc_permille=123)
        assert reader.next()[1]["soc_permille"] == 123
    with reading(client, f"/v1/commands/{sent}/stream") as reader:
        assert reader.next()[0] == "command"
        stand.report(VEHICLE, lock.DRIVE, speed_mmps=8_000)
        stand.report(VEHICLE, lock.LOCKED, soc_permille=124)
        kinds = [reader.next() for _ in range(2)]
        assert [data.get("soc_permille") for _, data in kinds] == [123, 124]


def test_a_lock_is_followed_until_it_took_effect(stand: ApiStand, client: Client) -> None:
    name = client.command(stand.present(action=command.LOCK)).json()["id"]
    with reading(client, f"/v1/commands/{name}/stream") as reader:
        reader.next()
        number = stand.record(VEHICLE, 3, {0: bytes(16), 1: 2, 2: bytes(16), 3: 1})
        stand.answer(name, commands.PEND, number, outcome=1)
        assert reader.next()[1]["state"] == "pending"
        stand.report(VEHICLE, lock.LOCK_PENDING, speed_mmps=2_000)
        assert reader.next()[1]["speed_mmps"] == 2_000
        number = stand.record(VEHICLE, 2, {0: 0, 1: 3, 2: 4})
        stand.answer(name, commands.COMPLETE, number)
        assert reader.next()[1]["state"] == "executed"
        stand.report(VEHICLE, lock.DRIVE)
        stand.report(VEHICLE, lock.LOCKED)
        assert reader.next()[1]["state"] == "LOCKED"


@pytest.mark.parametrize("code", [3, 15])
def test_a_refused_command_shows_nothing_of_the_vehicle(
    stand: ApiStand, client: Client, sent: str, code: int
) -> None:
    with reading(client, f"/v1/commands/{sent}/stream") as reader:
        reader.next()
        stand.report(VEHICLE, lock.DRIVE)
        stand.refused(sent, code)
        kind, data = reader.next()
        assert (kind, data["refusal"]["code"]) == ("command", code)
        stand.report(VEHICLE, lock.LOCKED)
        with stand.database.begin() as connection:
            events.append(connection, [NewEvent(events.COMMAND, sent, {})], stand.now)
        assert reader.next()[0] == "command"


def test_resumes_where_it_was_broken_off(stand: ApiStand, client: Client) -> None:
    with reading(client, "/v1/fleet/stream", **OPERATOR) as reader:
        for soc in range(3):
            stand.report("trike-2", lock.LOCKED, soc_permille=soc)
        seen = [reader.next()[1]["soc_permille"]]
        place = reader.last_id
    for soc in range(3, 6):
        stand.report("trike-2", lock.LOCKED, soc_permille=soc)
    many = [NewEvent(events.VEHICLE, "trike-3", {"soc_permille": n}) for n in range(6, 1200)]
    with stand.database.begin() as connection:
        events.append(connection, many, stand.now)
    with reading(client, "/v1/fleet/stream", place, **OPERATOR) as reader:
        seen += [reader.next()[1]["soc_permille"] for _ in range(1199)]
        assert seen == list(range(1200))
        stand.report("trike-2", lock.LOCKED, soc_permille=77)
        assert reader.next()[1] == {
            **reader_fields(stand, 77),
            "id": "trike-2",
        }


def reader_fields(stand: ApiStand, soc: int) -> dict[str, Any]:
    with stand.database.read() as connection:
        newest = events.since(connection, events.newest_id(connection) - 1)[0].data
    assert newest["soc_permille"] == soc
    return newest


def test_the_operator_hears_of_everything(stand: ApiStand, client: Client) -> None:
    with reading(client, "/v1/fleet/stream", **OPERATOR) as reader:
        name = client.command(stand.present()).json()["id"]
        kind, data = reader.next()
        assert (kind, data["id"], data["state"]) == ("command", name, "queued")
        stand.executed(name)
        kinds = [reader.next() for _ in range(2)]
        assert [kind for kind, _ in kinds] == ["record", "command"]
        assert kinds[0][1]["body"]["command_id"] == name
        with stand.database.begin() as connection:
            told = NewEvent(events.REFUSAL, VEHICLE, {"source": "vehicle", "code": 15})
            events.append(connection, [told], stand.now)
        assert reader.next() == ("refusal", {"source": "vehicle", "code": 15})


@pytest.mark.parametrize("last_id", ["999999999", "1"])
def test_a_number_that_the_table_does_not_hold_starts_anew(
    stand: ApiStand, client: Client, last_id: str
) -> None:
    stand.report("trike-2", lock.LOCKED)
    with stand.database.begin() as connection:
        events.trim(connection, keep=2)
    with reading(client, "/v1/fleet/stream", last_id, **OPERATOR) as reader:
        assert reader.next() == ("reset", {})
        stand.report("trike-2", lock.LOCKED)
        assert reader.next()[0] == "vehicle"


@pytest.mark.parametrize("last_id", ["x", "-1", "1.5", "9" * 30])
def test_a_number_that_is_none(client: Client, last_id: str) -> None:
    answer = client.get("/v1/fleet/stream", headers={**OPERATOR, "Last-Event-ID": last_id})
    assert answer.status_code == 400


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[tuple[ApiStand, str]]:
    """A server that drops slow readers soon."""
    made = ApiStand(tmp_path, heartbeat_s=1, slow_reader_s=1, stream_queue=20)
    with serving(made.app) as address:
        yield made, address
    made.close()


def test_a_silent_line_has_a_heartbeat(hasty: tuple[ApiStand, str]) -> None:
    with (
        Client(base_url=hasty[1], timeout=20, trust_env=False) as client,
        client.stream("GET", "/v1/fleet/stream", headers=OPERATOR) as answer,
    ):
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith(": heart")) == ": heartbeat"


def test_a_reader_that_takes_nothing_is_dropped_and_others_are_not(
    hasty: tuple[ApiStand, str],
) -> None:
    stand, address = hasty
    host, port = urlsplit(address).netloc.split(":")
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    slow.connect((host, int(port)))
    slow.sendall(
        b"GET /v1/fleet/stream HTTP/1.1\r\nHost: x\r\n"
        + f"Authorization: Bearer {TOKEN}\r\n\r\n".encode()
    )
    hub = stand.services.hub
    wait_until(lambda: hub.open_streams == 1)
    news = [NewEvent(events.VEHICLE, "trike-2", {"filling": "x" * 60_000})]
    with (
        Client(base_url=address, timeout=20, trust_env=False) as client,
        reading(client, "/v1/fleet/stream", **OPERATOR) as quick,
    ):
        for _ in range(2_000):
            with stand.database.begin() as connection:
                events.append(connection, news, stand.now)
            quick.next()
            if hub.open_streams == 1:
                break
        assert hub.open_streams == 1
        with stand.database.begin() as connection:
            events.append(connection, news, stand.now)
        quick.next()
    slow.close()


def test_streams_end_when_the_server_stops(tmp_path: Path) -> None:
    stand = ApiStand(tmp_path)
    with contextlib.ExitStack() as stack:
        with serving(stand.app) as address:
            client = stack.enter_context(Client(base_url=address, timeout=20, trust_env=False))
            reader = stack.enter_context(reading(client, "/v1/fleet/stream", **OPERATOR))
            wait_until(lambda: stand.services.hub.open_streams == 1)
        with pytest.raises(EOFError):
            reader.next()
    stand.close()


def test_a_full_queue_ends_its_reader_only() -> None:
    async def scene() -> None:
        hub = Hub(max_streams=2, queue_size=3)
        slow, picky = hub.subscribe(lambda _: True), hub.subscribe(lambda item: item.id > 9)
        hub.publish([Item(10, "vehicle", "before", {})])
        slow.live = picky.live = True
        with pytest.raises(TooManyStreamsError):
            hub.subscribe(lambda _: True)
        hub.publish(Item(n, "vehicle", "v", {}) for n in range(11))
        assert slow.dropped and await slow.queue.get() is None
        assert not picky.dropped and (await picky.queue.get()) == Item(10, "vehicle", "v", {})
        assert hub.open_streams == 1
        hub.close()
        assert await picky.queue.get() is None
        with pytest.raises(TooManyStreamsError):
            hub.subscribe(lambda _: True)

    asyncio.run(scene())


def test_another_vehicles_commands_are_not_heard(stand: ApiStand, client: Client) -> None:
    mine = client.command(stand.present()).json()["id"]
    with reading(client, f"/v1/commands/{mine}/stream") as reader:
        reader.next()
        other = client.command(present("trike-2", [], []), vehicle="trike-2").json()["id"]
        stand.executed(other, vehicle="trike-2")
        stand.refused(mine)
        assert reader.next()[1]["id"] == mine
