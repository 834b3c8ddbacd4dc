"""Sends steps to a collector as OTLP over HTTP. Imported only where the switch is on."""

import logging
import threading

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from fleet_backend.tracing.ids import PARENTS, span_id, trace_id

_PATH = "/v1/traces"
_TIMEOUT_S = 2
_QUEUE = 2_048
_EVERY_MS = 500
_AT_ONCE = 256
_LAST_S = 2.0
_SCOPE = InstrumentationScope("trifleet")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class OtlpExport:
    """A bounded queue and one thread. A full queue drops: a trace is never worth a wait."""

    def __init__(self, url: str, program: str) -> None:
        # The library tells of each try that failed, with the collector's address: once is enough.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        session = requests.Session()
        session.trust_env = False
        exporter = OTLPSpanExporter(
            endpoint=url.rstrip("/") + _PATH, timeout=_TIMEOUT_S, session=session
        )
        self._resource = Resource({"service.name": f"trifleet-{program}"})
        self._processor = BatchSpanProcessor(
            exporter,
            max_queue_size=_QUEUE,
            schedule_delay_millis=_EVERY_MS,
            max_export_batch_size=_AT_ONCE,
        )

    def __call__(
        self, step: str, command_id: bytes, begun_ns: int, ended_ns: int, outcome: str
    ) -> None:
        parent = PARENTS[step]
        self._processor.on_end(
            ReadableSpan(
                name=step,
                context=_context(command_id, step),
                parent=None if parent is None else _context(command_id, parent, is_remote=True),
                resource=self._resource,
                attributes={"trifleet.outcome": outcome} if outcome else {},
                kind=SpanKind.INTERNAL,
                start_time=begun_ns,
                end_time=ended_ns,
                instrumentation_scope=_SCOPE,
            )
        )

    def close(self) -> None:
        """Send what waits, as far as that takes a moment; the library itself has no bound."""
        ending = threading.Thread(target=self._processor.shutdown, daemon=True)
        ending.start()
        ending.join(_LAST_S)


def _context(command_id: bytes, step: str, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(trace_id(command_id), span_id(command_id, step), is_remote, _SAMPLED)
