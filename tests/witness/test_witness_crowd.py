"""Many at once: a bound on requests, none on the connections that logs keep open."""

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

from starlette.types import Message, Receive, Scope, Send
from witness_server import Server, made
from witness_tools import HONEST

from fleet_backend.witness.app import AtMost


def test_idle_connections_keep_nobody_out(tmp_path: Path):
    made(tmp_path / "w")
    settings = tmp_path / "w/witness.toml"
    settings.write_text(settings.read_text() + "max_requests = 2\n")
    with Server(tmp_path / "w") as server, ExitStack() as ends:
        for _ in range(20):
            ends.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        assert server.add(HONEST.body(0, 7))[0] == 200
        # What is no number is nothing that was kept, however long it is.
        assert server.get("/evidence/" + "9" * 5_000)[0] == 404
        assert server.get("/evidence/%D9%A1")[0] == 404


def test_one_request_too_many_is_told_so_and_the_next_is_answered():
    async def play() -> list[int]:
        go = asyncio.Event()
        statuses: list[int] = []

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await go.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        async def receive() -> Message:
            raise AssertionError("nobody reads the body")

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        bounded = AtMost(app, limit=2)
        scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        running = [asyncio.create_task(bounded(scope, receive, send)) for _ in range(2)]
        await asyncio.sleep(0)
        await bounded(scope, receive, send)
        go.set()
        await asyncio.gather(*running)
        await bounded(scope, receive, send)
        return statuses

    assert asyncio.run(play()) == [503, 200, 200, 200]
