"""A collector in the tests' own process: OTLP over HTTP, decoded by its own definition."""

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """What a program sent."""

    program: str
    name: str
    trace: bytes
    id: bytes
    parent: bytes
    begun_ns: int
    ended_ns: int
    attributes: dict[str, str]


@dataclass
class Collector:
    """Spans in the order of their arrival; `status` is what senders are answered."""

    status: int = 200
    delay_s: float = 0.0
    port: int = 0
    requests: int = 0
    _spans: list[Span] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, body: bytes) -> None:
        asked = ExportTraceServiceRequest.FromString(body)
        with self._changed:
            self.requests += 1
            for resource in asked.resource_spans:
                names = {one.key: one.value.string_value for one in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self._spans += [_span(names["service.name"], one) for one in scope.spans]
            self._changed.notify_all()

    def spans(self) -> list[Span]:
        with self._changed:
            return list(self._spans)

    def wait_for(self, count: int, seconds: float) -> list[Span]:
        end = time.monotonic() + seconds
        with self._changed:
            while len(self._spans) < count and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
            return list(self._spans)


def _span(program: str, one: object) -> Span:
    attributes = {item.key: item.value.string_value for item in one.attributes}  # type: ignore[attr-defined]
    return Span(
        program, one.name, one.trace_id, one.span_id, one.parent_span_id,  # type: ignore[attr-defined]
        one.start_time_unix_nano, one.end_time_unix_nano, attributes,  # type: ignore[attr-defined]
    )  # fmt: skip


@contextmanager
def collecting(collector: Collector | None = None) -> Iterator[Collector]:
    made = collector or Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            time.sleep(made.delay_s)
            if self.path == "/v1/traces" and made.status == 200:
                made.take(body)
            self.send_response(made.status if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
