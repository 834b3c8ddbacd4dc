"""The HTTP side of a witness: `add-checkpoint`, and what anybody may read of it.

A courier between bytes and `ledger.witness`; it decides nothing. Everything that it serves is
public.
"""

import logging
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from fleet_backend.ledger.addcheckpoint import MAX_REQUEST_BYTES
from fleet_backend.ledger.errors import OperationError, StorageError, WitnessStoppedError
from fleet_backend.ledger.witness import Witness

from .body import BodyRefusedError, read_body
from .settings import WitnessSettings

log = logging.getLogger(__name__)
Handler = Callable[[Request], Awaitable[Response]]


class WitnessApi:
    """Handlers around one witness."""

    def __init__(self, witness: Witness, settings: WitnessSettings) -> None:
        self._witness = witness
        self._database = witness.database
        self._timeout_s = settings.body_timeout_s

    async def add_checkpoint(self, request: Request) -> Response:
        """200, 400, 403, 404, 409 or 422 as C2SP tlog-witness says."""
        body = await read_body(request, MAX_REQUEST_BYTES, self._timeout_s)
        answer = await run_in_threadpool(self._witness.add_checkpoint, body)
        # A header of our own: Starlette would add a character set to `text/x.tlog.size`.
        headers = {"Content-Type": answer.content_type}
        return Response(answer.body, answer.status, headers)

    async def vkeys(self, _: Request) -> Response:
        """The verifier keys of this witness, one a line."""
        return PlainTextResponse("".join(f"{key.vkey}\n" for key in self._witness.verifiers))

    async def logs(self, _: Request) -> Response:
        """The logs that are known, with the size that was cosigned last (null: none yet)."""
        return JSONResponse(await run_in_threadpool(self._logs))

    def _logs(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        for origin in self._database.origins():
            newest = self._database.newest(origin)
            found.append({"origin": origin, "size": newest.size if newest else None})
        return found

    async def checkpoint(self, request: Request) -> Response:
        """`?origin=`: the last checkpoint of a log with the cosignatures of this witness."""
        origin = request.query_params.get("origin", "")
        newest = await run_in_threadpool(self._database.newest, origin)
        if newest is None:
            raise HTTPException(404, "nothing was cosigned of that log")
        return PlainTextResponse(newest.note, headers={"Cache-Control": "no-cache"})

    async def evidence_list(self, _: Request) -> Response:
        """What was kept, without the files."""
        kept = await run_in_threadpool(self._database.evidence)
        return JSONResponse(
            [
                {"number": one.number, "origin": one.origin, "complete": one.is_complete,
                 "kept_s": one.kept_s}
                for one in kept
            ]
        )  # fmt: skip

    async def evidence(self, request: Request) -> Response:
        """One file of evidence, for whoever holds the log's verifier key."""
        number = _number(request.path_params["number"])
        kept = await run_in_threadpool(self._database.evidence)
        for one in kept:
            if one.number == number:
                return PlainTextResponse(one.file)
        raise HTTPException(404, "no such evidence")


def _number(text: str) -> int:
    """Of a path; 0, which nothing has, for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


class AtMost:
    """Answers 503 while `limit` requests are being answered.

    Connections do not count: each log keeps one open, and an idle one costs next to nothing.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._running >= self._limit:
            # The body is not read, so the connection cannot go on.
            refusal = PlainTextResponse("too many requests\n", 503, {"Connection": "close"})
            await refusal(scope, receive, send)
        else:
            self._running += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._running -= 1


async def _on_refused_body(_: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, BodyRefusedError) else 500
    # What is left of the body is not read, so the connection cannot go on.
    return PlainTextResponse(f"{error}\n", status, {"Connection": "close"})


def _on_operation_error(failed: Callable[[], None]) -> Callable[[Request, Exception], Response]:
    def answer(_: Request, error: Exception) -> Response:
        log.error("nothing was cosigned: %s", error)
        if isinstance(error, StorageError | WitnessStoppedError):
            failed()
        return PlainTextResponse("the witness cannot go on\n", 503)

    return answer


async def _on_http_error(_: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    return PlainTextResponse(
        f"{getattr(error, 'detail', 'error')}\n", status, getattr(error, "headers", None)
    )


def create_app(
    witness: Witness, settings: WitnessSettings, failed: Callable[[], None] = lambda: None
) -> Starlette:
    """The application. Whoever made the witness closes its database.

    `failed` is called when the disk failed: nothing is signed before a new start then.
    """
    api = WitnessApi(witness, settings)
    reads: dict[str, Handler] = {
        "vkeys": api.vkeys,
        "logs": api.logs,
        "checkpoint": api.checkpoint,
        "evidence": api.evidence_list,
        "evidence/{number}": api.evidence,
    }
    prefix = settings.prefix
    return Starlette(
        routes=[
            Route(f"{prefix}/add-checkpoint", api.add_checkpoint, methods=["POST"]),
            *(Route(f"{prefix}/{path}", handler) for path, handler in reads.items()),
        ],
        middleware=[Middleware(AtMost, limit=settings.max_requests)],
        exception_handlers={
            BodyRefusedError: _on_refused_body,
            OperationError: _on_operation_error(failed),
            HTTPException: _on_http_error,
        },
    )
