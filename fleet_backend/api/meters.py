"""What the API measures of itself: requests by route template, and commands to their answer.

A template such as /v1/vehicles/{vehicle} and never the path, which names somebody.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet_backend.fleet import commands, events
from fleet_backend.tracing import ids
from fleet_backend.tracing.tracer import OFF, Tracer

from .hub import Item

_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_COMMAND_SECONDS = (0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 90)
_METHODS = ("GET", "HEAD", "POST")
ENDS = (commands.EXECUTED, commands.PENDING, commands.REFUSED, commands.EXPIRED)
_MOST_WATCHED = 4_096
OTHER = "other"


class ApiMeters:
    """Of one process; all of them begin at 0 with it."""

    def __init__(self) -> None:
        to = self.registry = CollectorRegistry(auto_describe=True)
        self.requests = Histogram(
            "trifleet_http_request_seconds",
            "Until an answer begins",
            ["method", "route", "status"],
            buckets=_REQUEST_SECONDS,
            registry=to,
        )
        self.commands = Histogram(
            "trifleet_command_seconds",
            "From the accepted request to the vehicle's word, or to the end of the wait",
            ["outcome"],
            buckets=_COMMAND_SECONDS,
            registry=to,
        )
        self.limited = Counter(
            "trifleet_http_requests_limited", "Answered with 429 before any work", registry=to
        )
        for outcome in ENDS:
            self.commands.labels(outcome)


class CommandWatch:
    """How long each command took that this process accepted. `begin` from any thread."""

    def __init__(self, meters: ApiMeters, tracer: Tracer = OFF) -> None:
        self._meters = meters
        self._tracer = tracer
        self._begun: OrderedDict[str, float] = OrderedDict()

    def begin(self, command_id: str) -> None:
        """It came now; once for each, however often it is sent again."""
        self._begun.setdefault(command_id, time.monotonic())
        if self._tracer.is_on:
            for step in (ids.ACCEPT, ids.COMPLETE):
                self._tracer.begin(step, bytes.fromhex(command_id))
        while len(self._begun) > _MOST_WATCHED:
            self._begun.popitem(last=False)

    def accepted(self, command_id: bytes) -> None:
        """It is stored."""
        self._tracer.end(ids.ACCEPT, command_id)

    def saw(self, items: Iterable[Item]) -> None:
        """Events as the streams hear them."""
        for item in items:
            if item.topic != events.COMMAND:
                continue
            state = item.data.get("state")
            if state in ENDS and (begun := self._begun.pop(item.subject, None)) is not None:
                self._meters.commands.labels(state).observe(time.monotonic() - begun)
                if self._tracer.is_on:
                    self._tracer.end(ids.COMPLETE, bytes.fromhex(item.subject), state)


class Timing:
    """ASGI middleware around everything: the time until an answer begins, by its route."""

    def __init__(self, app: ASGIApp, meters: ApiMeters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._observe(scope, message["status"], time.perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, timed)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else OTHER
        template = getattr(scope.get("route"), "path", OTHER)
        self._meters.requests.labels(method, template, f"{status // 100}xx").observe(seconds)
        if status == 429:
            self._meters.limited.inc()
