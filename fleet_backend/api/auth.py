"""The operator's bearer token: read once from a file of mode 0600, compared in constant time."""

import hmac
import os
import stat
from pathlib import Path

from fastapi import Request

from fleet_backend.fleet.errors import SettingsError

from .errors import UnauthorizedError

MIN_TOKEN_CHARS = 16
MAX_TOKEN_CHARS = 512


def read_secret(path: Path) -> str:
    """One line of a secret file. Raises SettingsError, which never shows the content."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(MAX_TOKEN_CHARS + 2).decode("ascii").strip()
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not ASCII text") from error
    if stat.S_IMODE(mode) & 0o077:
        raise SettingsError(f"others may read {path}: its mode must be 0600")
    if not MIN_TOKEN_CHARS <= len(text) <= MAX_TOKEN_CHARS or not text.isprintable():
        raise SettingsError(f"{path} must hold {MIN_TOKEN_CHARS} to {MAX_TOKEN_CHARS} characters")
    return text


class OperatorToken:
    """FastAPI dependency of every operator's route. Raises UnauthorizedError."""

    def __init__(self, token: str) -> None:
        self._expected = f"bearer {token}".encode()

    def __repr__(self) -> str:
        return "OperatorToken()"

    def check(self, header: str) -> None:
        scheme, _, token = header.partition(" ")
        given = f"{scheme.lower()} {token}".encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._expected):
            raise UnauthorizedError("the operator's bearer token is needed here")


def require_operator(request: Request) -> None:
    """Deny first: routes of the operator depend on this."""
    token: OperatorToken = request.app.state.services.operator
    token.check(request.headers.get("authorization", ""))
