"""What programs call: `begin` and `end` of a step. Off unless TRIFLEET_OTLP names a collector.

A step that ends without a beginning, because the program was started again in between, is not
told. Whatever is wrong with the collector, nobody waits for it and nothing fails.
"""

import logging
import os
import threading
import time
from collections import OrderedDict
from typing import Protocol
from urllib.parse import urlsplit

VARIABLE = "TRIFLEET_OTLP"
_MOST_OPEN = 4_096
_LOG = logging.getLogger("tracing")


class Tracer(Protocol):
    """From any thread. `is_on` is for whoever has to do something only to be able to tell it."""

    is_on: bool

    def begin(self, step: str, command_id: bytes) -> None: ...

    def end(self, step: str, command_id: bytes, outcome: str = "") -> None: ...

    def tell(self, step: str, command_id: bytes, begun_ns: int, outcome: str = "") -> None:
        """A whole step that ends now."""

    def close(self) -> None: ...


class Export(Protocol):
    """Takes finished steps and sends them when it can. Never blocks, never raises."""

    def __call__(
        self, step: str, command_id: bytes, begun_ns: int, ended_ns: int, outcome: str
    ) -> None: ...

    def close(self) -> None: ...


class NoTracer:
    """The switch is off."""

    is_on = False

    def begin(self, step: str, command_id: bytes) -> None: ...

    def end(self, step: str, command_id: bytes, outcome: str = "") -> None: ...

    def tell(self, step: str, command_id: bytes, begun_ns: int, outcome: str = "") -> None: ...

    def close(self) -> None: ...


OFF = NoTracer()


class ExportingTracer:
    """Remembers when steps began; a bounded number of them."""

    is_on = True

    def __init__(self, export: Export) -> None:
        self._export = export
        self._open: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, step: str, command_id: bytes) -> None:
        """Begun again, it keeps its first beginning."""
        with self._lock:
            self._open.setdefault((step, command_id), time.time_ns())
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)

    def end(self, step: str, command_id: bytes, outcome: str = "") -> None:
        with self._lock:
            begun = self._open.pop((step, command_id), None)
        if begun is not None:
            self.tell(step, command_id, begun, outcome)

    def tell(self, step: str, command_id: bytes, begun_ns: int, outcome: str = "") -> None:
        # A clock that was set back meanwhile must not end a step before it began.
        self._export(step, command_id, begun_ns, max(begun_ns, time.time_ns()), outcome)

    def close(self) -> None:
        """Send what waits, for a moment."""
        self._export.close()


def from_environment(program: str) -> Tracer:
    """The tracer of this process. Without its packages, or with no URL, it is off and says so."""
    url = os.environ.get(VARIABLE, "")
    if not url:
        return OFF
    if not _is_good(url):
        _LOG.error("%s is no http:// or https:// address: no traces", VARIABLE)
        return OFF
    try:
        from fleet_backend.tracing.otlp import OtlpExport
    except ImportError:
        _LOG.error("no traces: they need pip install -r requirements-scale.txt")
        return OFF
    return ExportingTracer(OtlpExport(url, program))


def _is_good(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
