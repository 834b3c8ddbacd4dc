"""The health page on loopback: `/` for people, `/health` and `/metrics` for programs.

It answers GET and HEAD on three paths, to requests whose Host is this computer's own name for
itself: a page of the web whose name was turned to 127.0.0.1 (DNS rebinding) reads nothing.
"""

import base64
import hashlib
import json
import logging
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from edge_gateway import health, health_page
from edge_gateway.clock import steady_s
from edge_gateway.errors import SettingsError
from edge_gateway.health import Picture

log = logging.getLogger("edge_gateway")

LOOPBACK = "127.0.0.1"
# A request that is not whole by then is dropped; so many are answered at a time.
_REQUEST_S = 5.0
_AT_ONCE = 8
_STYLE_HASH = base64.b64encode(hashlib.sha256(health_page.STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


class HealthServer:
    """`picture` returns the last one, from any thread."""

    def __init__(self, port: int, picture: Callable[[], Picture | None]) -> None:
        """Raises SettingsError where the port is taken."""
        try:
            self._server = _Server(port, picture)
        except OSError as error:
            raise SettingsError("settings", "health.port", f"{port}: {error.strerror}") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="health", daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()
        log.info("health page: http://%s:%d/", LOOPBACK, self.port)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def __init__(self, port: int, picture: Callable[[], Picture | None]) -> None:
        self.picture = picture
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__((LOOPBACK, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Who finds no place is hung up on: nobody waits for a page of health."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.info("health page: a request was cut off")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    timeout = _REQUEST_S
    server: _Server
    server_version = "gateway"
    sys_version = ""

    def handle(self) -> None:
        # For the whole request, not for each of its bytes.
        timer = threading.Timer(_REQUEST_S, self._cut_off)
        timer.daemon = True
        timer.start()
        try:
            super().handle()
        finally:
            timer.cancel()

    def _cut_off(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        status, kind, body = self._page()
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(data)

    def _page(self) -> tuple[int, str, str]:
        if not self._is_for_us():
            return 421, "text/plain", "not this computer's name for itself\n"
        picture, now = self.server.picture(), steady_s()
        path = self.path.split("?")[0]
        if path == "/health":
            found = health.as_json(picture, now)
            return (200 if found["healthy"] else 503), "application/json", json.dumps(found) + "\n"
        if path == "/metrics":
            return 200, "text/plain; version=0.0.4", health.as_metrics(picture, now)
        if path == "/":
            name = health_page.language(self.headers.get("Accept-Language", ""))
            return 200, "text/html", health_page.page(picture, now, name)
        return 404, "text/plain", "/, /health, /metrics\n"

    def _is_for_us(self) -> bool:
        hosts = self.headers.get_all("Host", [])
        port = self.server.server_address[1]
        return len(hosts) == 1 and hosts[0] in {
            f"{name}{tail}" for name in (LOOPBACK, "localhost") for tail in (f":{port}", "")
        }

    def log_message(self, *_: object) -> None:
        """Requests are not logged: one a few seconds, for ever."""
