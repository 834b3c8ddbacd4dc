"""Serves API and pages in one process (the only place where the two meet), and other apps."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette

from fleet_backend.api.app import create_app
from fleet_backend.api.settings import ApiSettings
from fleet_backend.fleet.collector import spare_the_collector
from fleet_backend.web.pages import web_routes
from trifleet.ports import LOOPBACK


def build(settings: ApiSettings) -> FastAPI:
    """The application: the API's routes first, the pages behind them."""
    app = create_app(settings)
    app.router.routes.extend(web_routes(settings.ledger_policy))
    return app


def serve(settings: ApiSettings, port: int, stop: threading.Event, host: str = LOOPBACK) -> None:
    """Serve until `stop`; open streams are ended, not waited for."""
    app = build(settings)
    spare_the_collector()
    serve_app(app, host, port, stop, app.state.services.streams.end_soon)


def serve_app(
    app: Starlette,
    host: str,
    port: int,
    stop: threading.Event,
    before_end: Callable[[], None] = lambda: None,
) -> None:
    """Serve an application until `stop`; `before_end` ends what would have to be waited for."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    watcher = threading.Thread(target=_end_on, args=(stop, before_end, server), daemon=True)
    watcher.start()
    server.run()


class _Server(uvicorn.Server):
    """Leaves the signals to the command line, which sets `stop`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _end_on(stop: threading.Event, before_end: Callable[[], None], server: uvicorn.Server) -> None:
    stop.wait()
    before_end()
    server.should_exit = True
