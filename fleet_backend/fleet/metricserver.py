"""/metrics of a program that has no HTTP of its own: on loopback alone, off until it has a port.

Prometheus' text format, totals of the program and nothing about anyone. Whoever scrapes from
elsewhere comes over a proxy or an agent of this machine.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated

from prometheus_client import CollectorRegistry, generate_latest

from fleet_backend.fleet.settings import Bounds

_LOG = logging.getLogger("fleet_backend.fleet")
LOOPBACK = "127.0.0.1"
PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_QUIET_S = 5.0  # a scraper that says nothing for so long is let go


@dataclass(frozen=True)
class MetricsSettings:
    """The table [metrics]. 0: nobody is told anything."""

    port: Annotated[int, Bounds(0, 65_535)] = 0


@contextmanager
def serving(settings: MetricsSettings, registry: CollectorRegistry) -> Iterator[None]:
    """Serve while the context lasts. A port that is taken is told, and stops no program."""
    with ExitStack() as ends:
        if settings.port:
            try:
                ends.enter_context(served(settings.port, registry))
            except OSError as error:
                _LOG.error("no metrics on port %d: %s", settings.port, error.strerror)
        yield


@contextmanager
def served(port: int, registry: CollectorRegistry) -> Iterator[int]:
    """The same on any port; 0 takes a free one. Gives the port. Raises OSError."""
    server = _Server((LOOPBACK, port), _handler(registry))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="metrics")
    thread.daemon = True
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A scraper that went away is nothing to tell."""


def _handler(registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _QUIET_S
        server_version = "trifleet"
        sys_version = ""

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != PATH:
                self.send_error(404)
                return
            text = generate_latest(registry)
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Scrapes are no events."""

    return Handler
