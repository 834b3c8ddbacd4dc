"""Each POST has its effect once: the effect and the answer are kept in one transaction.

The same key with the same request gets the same answer again; with another one it is refused.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Annotated

from fastapi import Header
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy import Connection

from fleet_backend.fleet import idempotency
from fleet_backend.fleet.database import Database

from .errors import MissingKeyError, ReusedKeyError

_KEY = re.compile(r"[A-Za-z0-9_.:-]{8,128}", re.ASCII)
KEEP_S = 86_400
Effect = Callable[[Connection], tuple[int, BaseModel]]


def read_key(idempotency_key: Annotated[str | None, Header(max_length=200)] = None) -> str:
    """FastAPI dependency. Raises MissingKeyError."""
    if idempotency_key is None or not _KEY.fullmatch(idempotency_key):
        raise MissingKeyError("send Idempotency-Key: 8 to 128 letters, digits or _ . : -")
    return idempotency_key


def once(
    database: Database, key: str, route: str, request: BaseModel, now: int, effect: Effect
) -> Response:
    """Do `effect` and keep its answer, or find the answer that was kept. Raises ReusedKeyError.

    Two requests at one moment wait for each other: the database has one writer at a time.
    """
    digest = hashlib.sha256(request.model_dump_json().encode()).digest()
    with database.begin() as connection:
        known = idempotency.find(connection, key)
        if known is None:
            status, model = effect(connection)
            body = model.model_dump_json().encode()
            known = idempotency.Answer(key, route, digest, status, body)
            idempotency.keep(connection, known, now)
        elif (known.route, known.request_hash) != (route, digest):
            raise ReusedKeyError("this key came with another request before")
    return Response(known.answer, known.status, media_type="application/json")
