"""Reads a request's body within bounds of size and time."""

import asyncio

from starlette.requests import ClientDisconnect, Request


class BodyRefusedError(Exception):
    """A body that is too large or too slow; `status` says which."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


async def read_body(request: Request, limit_bytes: int, timeout_s: float) -> bytes:
    """The whole body. Raises BodyRefusedError."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(request, limit_bytes)
    except TimeoutError as error:
        raise BodyRefusedError(408, "the body did not arrive in time") from error
    except ClientDisconnect as error:
        raise BodyRefusedError(400, "the client left") from error


async def _read(request: Request, limit_bytes: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit_bytes:
            raise BodyRefusedError(413, f"at most {limit_bytes} bytes are read")
    return bytes(body)
