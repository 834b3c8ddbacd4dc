"""A real server over a real database and ledger, on a port that the system chooses."""

import os
import secrets
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import delete, insert

from fleet_backend.api.app import create_app
from fleet_backend.api.encoding import to_b64u
from fleet_backend.api.services import Services
from fleet_backend.api.settings import ApiSettings
from fleet_backend.fleet import (
    challenges,
    commands,
    events,
    gateways,
    quarantine,
    records,
    statements,
    vehicles,
)
from fleet_backend.fleet import keys as fleet_keys
from fleet_backend.fleet.events import NewEvent
from fleet_backend.fleet.schema import telemetry, vehicle_state
from protocol import cbor, cose, lock, record, refusal
from protocol import statement as wire
from tests.issuer.parties import ask, delegation, party, present
from tests.issuer.stand import VEHICLE, Stand

TOKEN = "operator-token-of-the-tests"
PLACE = {"lat_e7": 488_566_000, "lon_e7": 23_522_000, "heading_cdeg": 4_500}


def private(path: Path, text: str) -> Path:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    return path


class ApiStand:
    """The fleet that the API shows, and the application over it."""

    def __init__(self, folder: Path, url: str = "", **changes: Any) -> None:
        """The database is a file of the folder, or that of the URL."""
        self.now = int(time.time())
        self.fleet = Stand(folder, delegation(VEHICLE, self.now), url)
        self.database = self.fleet.database
        self.gateway_key = fleet_keys.generate_ed25519(folder / "gw.key")
        self._add_gateway()
        settings = ApiSettings(
            self.fleet.settings.database_url,
            private(folder / "operator.token", TOKEN),
            self.fleet.settings.ledger_policy,
            "127.0.0.1",
            1,  # nobody listens there
            private(folder / "mqtt.password", "password-of-the-tests"),
            ledger_public=self.fleet.settings.ledger_public,
            posts_burst=100_000,
            posts_per_minute=100_000,
            poll_ms=10,
        )
        self.settings = replace(settings, **changes)
        self.app: FastAPI = create_app(self.settings, lambda: float(self.now))
        self._seq = 0

    def _add_gateway(self) -> None:
        with self.database.begin() as connection:
            public = fleet_keys.public_bytes(self.gateway_key)
            gateways.register(connection, "gw-2", public, gateways.GATEWAY, 1)
            owner = party("owner").thumbprint
            for name in ("trike-2", "trike-3"):
                vehicles.register(
                    connection, name, "gw-2", owner, os.urandom(32), os.urandom(32), 1
                )
            gateways.set_status(connection, "gw-2", True, self.now)

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    def report(self, vehicle: str, state: int, **values: int) -> None:
        """The vehicle's newest report, as ingest keeps and tells it."""
        row = {**PLACE, "soc_permille": 800, "speed_mmps": 0, **values, "state": state}
        with self.database.begin() as connection:
            connection.execute(delete(vehicle_state).where(vehicle_state.c.vehicle == vehicle))
            head = {"vehicle": vehicle, "boot": 1, "seq": 9, "time": self.now}
            connection.execute(
                insert(vehicle_state).values({**head, "server_time": self.now, **row})
            )
            told = {"state": lock.STATES[state], "time": self.now, **row}
            told = {**told, "state": lock.STATES[state]}
            events.append(connection, [NewEvent(events.VEHICLE, vehicle, told)], self.now)

    def record(self, vehicle: str, kind: int, body: dict[int, object]) -> int:
        """A record in a statement of gw-2; returns the row's id."""
        self._seq += 1
        entry = record.Record(vehicle, 1, self._seq, 1000, self.now, kind, body)
        sealed = record.encode(entry, lambda message: bytes(32))
        salt, packed = secrets.token_bytes(16), cbor.encode([sealed])
        with self.database.begin() as connection:
            head = statements.head(connection, "gw-2")
            signed = wire.encode(
                wire.Statement(
                    "gw-2",
                    0 if head is None else head.seq + 1,
                    wire.FIRST_PREV_HASH if head is None else head.hash,
                    self.now,
                    wire.RECORDS,
                    wire.commit(salt, packed),
                ),
                self.gateway_key.sign,
            )
            read = wire.decode_unverified(signed)
            new = statements.NewStatement(
                "gw-2",
                read.seq,
                wire.statement_hash(signed),
                read.prev_hash,
                read.kind,
                read.time,
                signed,
                salt,
                zlib.compress(packed),
            )
            statement_id = statements.insert_one(connection, new, self.now)
            row = records.add(connection, entry, statement_id, self.now)
            assert row is not None
            told = NewEvent(events.RECORD, vehicle, row.as_item())
            events.append(connection, [told], self.now)
            return row.id

    def answer(self, command_id: str, event: str, record_id: int, **news: int) -> None:
        """What ingest does when the vehicle's record is in."""
        with self.database.begin() as connection:
            name = bytes.fromhex(command_id)
            row = commands.advance(connection, name, event, self.now, record_id=record_id, **news)
            told = NewEvent(events.COMMAND, command_id, {"state": row.state})
            events.append(connection, [told], self.now)

    def executed(self, command_id: str, action: int = 1, vehicle: str = VEHICLE) -> None:
        body = {0: bytes.fromhex(command_id), 1: action, 2: bytes(16), 3: 0}
        number = self.record(vehicle, record.ANSWER, body)
        self.answer(command_id, commands.EXECUTE, number, outcome=0)

    def locked(self, vehicle: str = VEHICLE) -> None:
        self.record(vehicle, record.LOCK, {0: 0, 1: 1, 2: 1})
        self.report(vehicle, lock.LOCKED)

    def refused(self, command_id: str, code: int = refusal.CHALLENGE) -> None:
        body = {0: bytes.fromhex(command_id), 1: code, 2: 1, 3: 0}
        number = self.record(VEHICLE, record.REFUSAL, body)
        self.answer(command_id, commands.REFUSE, number, refusal_code=code)

    def challenge(self, challenge: bytes, vehicle: str = VEHICLE, life_s: int = 60) -> None:
        with self.database.begin() as connection:
            challenges.put(connection, vehicle, challenge, self.now + life_s, self.now)

    def quarantined(self, reason: str = "signature") -> None:
        with self.database.begin() as connection:
            new = quarantine.NewMessage(
                "gw-2", 7, "tf/1/gw-2/up/statement", reason, "statement", False, os.urandom(32), b""
            )
            quarantine.add(connection, new, self.now)

    def sample(self, vehicle: str, at: int, **values: int) -> None:
        self.record(vehicle, record.LOST, {0: 1})
        with self.database.begin() as connection:
            head = {"vehicle": vehicle, "boot": 2, "seq": at, "statement_id": 1}
            times = {"time": at, "server_time": at}
            connection.execute(insert(telemetry).values({**head, **times, **values}))

    def present(self, **changes: Any) -> bytes:
        """A presentation of the owner's delegation to nobody in particular: well formed."""
        return present(VEHICLE, [], [], **changes)

    def ask(self) -> dict[str, str]:
        """The body of a good request for a grant."""
        signed = to_b64u(ask(VEHICLE, self.now))
        return {"rider": party("rider").thumbprint.hex(), "request": signed}

    def close(self) -> None:
        self.services.database.close()
        self.fleet.close()


class Client(httpx.Client):
    """A client that chooses an Idempotency-Key of its own for each POST."""

    def post(self, url: Any, **more: Any) -> httpx.Response:
        headers = {"Idempotency-Key": secrets.token_hex(16), **(more.pop("headers", None) or {})}
        return super().post(url, headers=headers, **more)

    def operator(self, path: str) -> httpx.Response:
        return self.get(path, headers={"Authorization": f"Bearer {TOKEN}"})

    def send(self, request: Any, **more: Any) -> httpx.Response:
        answer = super().send(request, **more)
        assert_decent(answer)
        return answer

    def command(self, presentation: bytes, vehicle: str = VEHICLE) -> httpx.Response:
        body = {"presentation": to_b64u(presentation)}
        return self.post(f"/v1/vehicles/{vehicle}/commands", json=body)


def assert_decent(answer: httpx.Response) -> None:
    """What holds for every answer: headers, and problem+json for every error."""
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers
    assert "server" not in answer.headers
    assert "cache-control" in answer.headers
    assert answer.status_code != 500
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The application in a uvicorn thread with its lifespan; yields the address."""
    # With the protocol named, or asyncio leaves Nagle's algorithm on: 40 ms an answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_level="error", server_header=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        services: Services = app.state.services
        services.streams.end_soon()
        server.should_exit = True
        thread.join(20)
        listener.close()
    assert not thread.is_alive()


def wait_until(what: Callable[[], bool], within_s: float = 20) -> None:
    end = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def ride_cose(payload: bytes, rider: str = "rider") -> bytes:
    """A signature of the rider's over something that is no document."""
    message = cose.sign1_message(cose.PS256, b"trifleet/other/v1", payload)
    return party(rider).seal(message, payload)
