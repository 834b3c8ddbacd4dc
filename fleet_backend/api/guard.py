"""What every request passes before it is looked at: body limit, rate of POSTs, headers.

Pure ASGI. A body is read here, whole and at most to the limit, so that one without a length or in
many small chunks meets the same limit as an honest one.
"""

import asyncio
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import problems
from .buckets import Buckets
from .errors import ApiError, BusyError, MediaTypeError, SlowBodyError, TooLargeError
from .settings import ApiSettings

# Pages that are mounted beside the API bring their own; these hold for whoever sets none.
DEFAULT_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


ENROLMENTS = "/v1/enrolments"
_ENROLMENT_BYTES = 16 * 1024
_EVERYBODY = "everybody"


class Guard:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._settings = settings
        self._buckets = Buckets(settings.posts_burst, settings.posts_per_minute)
        # Whoever enrols has no credential: fewer of one address, and a bound on all together.
        one, all_of_them = settings.enrolments_per_minute, settings.enrolments_in_all_per_minute
        self._enrolments = Buckets(one, one)
        self._all_enrolments = Buckets(all_of_them, all_of_them)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        try:
            replay = await self._admit(scope, receive)
        except ApiError as error:
            response = problems.answer_error(error)
            # The rest of a refused body is not read: the connection is of no more use.
            response.headers["connection"] = "close"
            await response(scope, receive, send)
            return
        if replay is not None:
            await self._app(scope, replay, send)

    async def _admit(self, scope: Scope, receive: Receive) -> Receive | None:
        """What the application reads from; None where the client went away. Raises ApiError."""
        if scope["method"] in ("GET", "HEAD"):
            return receive
        enrols = scope["path"] == ENROLMENTS
        self._take((scope.get("client") or ("",))[0], enrols)
        limit = self._settings.body_limit_bytes
        if enrols:
            limit = min(limit, _ENROLMENT_BYTES)
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length[:12]) > limit:
            raise TooLargeError(f"at most {limit} bytes")
        body = await self._read(receive, limit)
        if body is None:
            return None
        wanted = "application/cbor" if enrols else "application/json"
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and media_type != wanted:
            raise MediaTypeError(f"send {wanted}")
        return _replay(body, receive)

    def _take(self, client: str, enrols: bool) -> None:
        """Raises BusyError where this address, or for an enrolment all together, ask too often."""
        now = time.monotonic()
        wait_s = self._buckets.take(client, now)
        if not wait_s and enrols:
            wait_s = self._enrolments.take(client, now) or self._all_enrolments.take(
                _EVERYBODY, now
            )
        if wait_s:
            raise BusyError(wait_s)

    async def _read(self, receive: Receive, limit: int) -> bytes | None:
        try:
            async with asyncio.timeout(self._settings.body_timeout_s):
                return await _read_limited(receive, limit)
        except TimeoutError as error:
            raise SlowBodyError(f"within {self._settings.body_timeout_s} s") from error


async def _read_limited(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None where the client went away. Raises TooLargeError."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > limit:
            raise TooLargeError(f"at most {limit} bytes")
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand the body out once, then whatever follows (the client's disconnection)."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in DEFAULT_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return wrapped
