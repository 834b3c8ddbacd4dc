"""What every request meets first: the operator's token, limits, headers, and no way to a file."""

import dataclasses
import http.client
import inspect
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from fleet_backend.api.app import bare_app
from fleet_backend.api.auth import read_secret
from fleet_backend.api.settings import ApiSettings
from fleet_backend.fleet import commands
from fleet_backend.fleet.errors import SettingsError
from protocol import lock
from tests.api.api_stand import PLACE, TOKEN, ApiStand, Client, serving
from tests.issuer.stand import VEHICLE

PUBLIC = {
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/problems/{name}",
    "/v1/riders",
    "/v1/vehicles",
    "/v1/vehicles/{vehicle}",
    "/v1/vehicles/{vehicle}/challenge",
    "/v1/vehicles/{vehicle}/commands",
    "/v1/enrolments",
    "/v1/enrolments/{enrolment}",
    "/v1/grants",
    "/v1/grants/{grant}",
    "/v1/commands/{command}",
    "/v1/commands/{command}/stream",
    "/v1/commands/{command}/receipt",
    "/ledger/checkpoint",
    "/ledger/checkpoint.cose",
    "/ledger/pending",
    "/v1/ledger/sightings",
    "/v1/ledger/disagreements",
    "/v1/ledger/statements/{statement}",
    "/ledger/tile/{path:path}",
}
FILLED = {
    "{vehicle}": VEHICLE,
    "{grant}": "0" * 32,
    "{enrolment}": "0" * 32,
    "{command}": "0" * 32,
    "{statement}": "0" * 64,
    "{leaf_index}": "0",
    "{path:path}": "0/000",
    "{name}": "invalid",
}


def table() -> list[tuple[str, str]]:
    """(method, path) of every route that the application has."""
    found = []
    for context in iter_route_contexts(bare_app().routes):
        route = context.original_route
        methods = route.methods if isinstance(route, APIRoute) else {"GET"}
        found += [(method, context.path or "") for method in methods or ()]
    return found


def fill(path: str) -> str:
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize(("method", "path"), table())
def test_every_route_is_public_by_name_or_needs_the_token(
    client: Client, method: str, path: str
) -> None:
    if path in PUBLIC:
        return
    for header in (None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "é"):
        headers = {} if header is None else {"Authorization": header.encode("latin-1")}
        answer = client.request(method, fill(path), headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_route_table_is_not_empty() -> None:
    paths = {path for _, path in table()}
    assert paths >= PUBLIC and len(paths - PUBLIC) >= 6


@pytest.mark.parametrize("end", ["refused", "expired", "queued"])
def test_no_public_answer_shows_where_a_vehicle_in_use_is(
    stand: ApiStand, client: Client, end: str
) -> None:
    name = client.command(stand.present()).json()["id"]
    if end == "refused":
        stand.refused(name)
    if end == "expired":
        with stand.database.begin() as connection:
            commands.advance(connection, bytes.fromhex(name), commands.EXPIRE, stand.now)
    stand.report(VEHICLE, lock.DRIVE)
    for method, path in table():
        if path not in PUBLIC or method != "GET":
            continue
        filled = fill(path.replace("{command}", name))
        with client.stream("GET", filled) as answer:
            if path.endswith("/stream"):
                chunks = answer.iter_bytes()
                text = next(chunks) + next(chunks)
            else:
                text = answer.read()
        for value in PLACE.values():
            # As a number of its own: durations and times of metrics have any digits.
            assert not re.search(rb"(?<![\d.])%d(?![\d.])" % value, text), path


@pytest.mark.parametrize(
    "path",
    [
        "/ledger/../fleet.db",
        "/ledger/tile/../../../fleet.db",
        "/ledger/tile/..%2f..%2f..%2ffleet.db",
        "/ledger/tile/%2e%2e/%2e%2e/checkpoint",
        "/ledger/tile//etc/passwd",
        "/ledger/tile/0/000%00",
        "/ledger/tile/0/0",
        "/ledger/tile/0/000.p/256",
        "/ledger/tile/64/000",
        "/ledger/log.key",
        "/ledger/checkpoint/",
        "/ledger/tile/entries/x000/000",
        "/ledger/tile/" + "0/" * 500,
    ],
)
def test_only_files_of_the_log_are_served(address: str, path: str) -> None:
    """Raw, because a client tidies such paths before it sends them."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 404
    assert answer.getheader("content-type") == "application/problem+json"
    connection.close()


def test_the_log_is_served_as_tlog_tiles_says(stand: ApiStand, client: Client) -> None:
    stand.record("trike-2", 7, {0: 1})
    stand.fleet.log_what_waits()
    checkpoint = client.get("/ledger/checkpoint")
    size = int(checkpoint.text.split("\n")[1])
    assert checkpoint.headers["content-type"].startswith("text/plain")
    assert checkpoint.headers["cache-control"] == "public, max-age=1"
    tile = client.get(f"/ledger/tile/0/000.p/{size}")
    assert (tile.status_code, len(tile.content)) == (200, 32 * size)
    assert "immutable" in tile.headers["cache-control"]
    assert client.get(f"/ledger/tile/entries/000.p/{size}").status_code == 200
    assert client.get(f"/ledger/tile/0/000.p/{size + 1}").status_code == 404


def raw(address: str, head: str, *chunks: bytes) -> bytes:
    """Send exactly this and read to the end."""
    host, port = urlsplit(address).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(head.encode())
        try:
            for chunk in chunks:
                line.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        while b"}" not in answer and (piece := line.recv(65_536)):
            answer += piece
        return answer


def test_a_body_has_a_limit_also_in_chunks(address: str) -> None:
    head = (
        "POST /v1/riders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    answer = raw(address, head, *[b" " * 8_192] * 9)
    assert b" 413 " in answer.split(b"\r\n")[0] and b"too-large" in answer


def test_a_body_that_says_it_is_too_long_is_not_read(address: str) -> None:
    head = (
        "POST /v1/riders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: 65537\r\n\r\n"
    )
    assert b" 413 " in raw(address, head).split(b"\r\n")[0]


def test_a_body_of_exactly_the_limit_is_read(client: Client) -> None:
    body = b'{"request": "' + b"A" * (65_536 - 15) + b'"}'
    answer = client.post("/v1/grants", content=body, headers={"Content-Type": "application/json"})
    assert len(body) == 65_536 and answer.status_code == 422


def test_bodies_are_json(client: Client) -> None:
    answer = client.post("/v1/grants", content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[tuple[ApiStand, str]]:
    """A server with small limits."""
    made = ApiStand(tmp_path, posts_burst=3, posts_per_minute=1, body_timeout_s=1, max_streams=1)
    with serving(made.app) as address:
        yield made, address
    made.close()


def test_limits_of_one_client(strict: tuple[ApiStand, str]) -> None:
    stand, address = strict
    head = (
        "POST /v1/riders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: 10\r\n\r\n"
    )
    assert b" 408 " in raw(address, head).split(b"\r\n")[0]
    with Client(base_url=address, trust_env=False) as client:
        name = client.command(stand.present()).json()["id"]
        client.command(stand.present())
        busy = client.command(stand.present())
        assert busy.status_code == 429 and 1 <= int(busy.headers["retry-after"]) <= 60
        assert client.get("/v1/vehicles").status_code == 200
        with client.stream("GET", f"/v1/commands/{name}/stream") as first:
            assert first.status_code == 200
            second = client.get(f"/v1/commands/{name}/stream")
            assert second.status_code == 503 and "too-many-streams" in second.text


def test_the_api_holds_no_key(stand: ApiStand, client: Client) -> None:
    """No setting names a key, and the running process has none open or loaded."""
    names = {field.name for field in dataclasses.fields(ApiSettings)}
    assert not [name for name in names if "key" in name]
    assert "_key" not in inspect.getsource(sys.modules[ApiSettings.__module__])
    for secret in (TOKEN, "password-of-the-tests"):
        assert secret not in repr(stand.settings) + repr(stand.services)


def test_a_process_of_the_api_alone_never_opens_a_key(tmp_path: Path) -> None:
    """The real process, watched by the audit hook of the interpreter."""
    stand = ApiStand(tmp_path)
    config = tmp_path / "api.toml"
    given = dataclasses.asdict(stand.settings)
    values = {name: value for name, value in given.items() if value is not None}
    lines = [f"{n} = {v!r}" if isinstance(v, int) else f'{n} = "{v}"' for n, v in values.items()]
    config.write_text("\n".join(lines))
    code = """
import sys
opened = []
sys.addaudithook(lambda event, a: opened.append(str(a[0])) if event == "open" else None)
from pathlib import Path
from fleet_backend.api.app import create_app
from fleet_backend.api.settings import load_settings
app = create_app(load_settings(Path(sys.argv[1])))
app.state.services.database.close()
assert any(name.endswith("operator.token") for name in opened), opened
print([name for name in opened if name.endswith((".key", ".pem"))])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(config)], capture_output=True, text=True, timeout=60
    )
    stand.close()
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_token_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    path.write_text("x" * 20)
    os.chmod(path, mode)
    with pytest.raises(SettingsError, match="0600"):
        read_secret(path)


def test_many_clients_at_once(stand: ApiStand, address: str) -> None:
    faults: list[Any] = []

    def work() -> None:
        with Client(base_url=address, timeout=20, trust_env=False) as client:
            for _ in range(5):
                if client.get("/v1/vehicles").status_code != 200:
                    faults.append("list")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
