"""Serves a log's public folder, as the API does: checkpoint, tiles, bundles, and nothing else."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleet_backend.ledger.errors import MissingError, TileError
from fleet_backend.ledger.storage import CHECKPOINT, FolderFetch

IMMUTABLE = "public, max-age=31536000, immutable"
SHORT = "public, max-age=1"


def build(public: Path) -> Starlette:
    """The application. What does not parse as a tile's path is never opened."""
    fetch = FolderFetch(public)

    def give(path: str, kind: str, cache: str) -> Response:
        try:
            data = fetch(path)
        except (MissingError, TileError) as error:
            raise HTTPException(404, "no such file of the log") from error
        headers = {"Cache-Control": cache, "X-Content-Type-Options": "nosniff"}
        headers["Access-Control-Allow-Origin"] = "*"  # public data: pages of others may check it
        return Response(data, headers=headers, media_type=kind)

    def checkpoint(_request: Request) -> Response:
        return give(CHECKPOINT, "text/plain; charset=utf-8", SHORT)

    def tile(request: Request) -> Response:
        path = f"tile/{request.path_params['path']}"
        return give(path, "application/octet-stream", IMMUTABLE)

    return Starlette(routes=[Route("/checkpoint", checkpoint), Route("/tile/{path:path}", tile)])


class _Server(uvicorn.Server):
    """Leaves the signals to the command line."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def serving(public: Path, host: str, port: int) -> Iterator[str]:
    """Serve in a thread of its own; gives the address. Raises PortError."""
    from trifleet.errors import PortError

    config = uvicorn.Config(
        build(public), host=host, port=port, log_level="warning", access_log=False,
        server_header=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    try:
        listening = config.bind_socket()
    except SystemExit as error:
        raise PortError(f"cannot listen on {host}:{port}") from error
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    shown = f"[{host}]" if ":" in host else host
    try:
        yield f"http://{shown}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
