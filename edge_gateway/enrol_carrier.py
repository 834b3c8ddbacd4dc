"""Carries a sealed request to the API and the sealed answer back. Trusted with nothing."""

import hashlib
import http.client
import json
import urllib.error
import urllib.request
from typing import IO, Protocol
from urllib.parse import urlsplit

from edge_gateway.errors import EnrolError

MAX_ANSWER = 65_535
_TIMEOUT_S = 15.0
_AGAIN_S = 1.0
_LONGEST_S = 60.0
_MEDIA_TYPE = "application/cbor"
_WORDS = {
    "refused": "the code is not good here: wrong, taken back, or tried too often",
    "expired": "the code has expired: ask for a new one",
    "vehicle": "a vehicle of the invitation belongs to another gateway: tell who gave you the code",
    "used": "the code was used by another request: ask for a new one",
    "name": "the name that the code stands for belongs to another gateway",
}


class Carrier(Protocol):
    """Whatever brings the request to the registrar."""

    def exchange(self, sealed: bytes) -> tuple[bytes | None, float]:
        """(answer, 0), or (None, seconds after which to ask again). Raises EnrolError: refused."""


class HttpCarrier:
    """One API server, by its address."""

    def __init__(self, address: str) -> None:
        self._address = checked_address(address)
        self._asked: set[str] = set()
        self._opener = urllib.request.build_opener(_NoRedirect())

    def exchange(self, sealed: bytes) -> tuple[bytes | None, float]:
        """Ask once, then look whether there is an answer. A server that is away is asked again."""
        name = hashlib.sha256(sealed).hexdigest()[:32]
        try:
            if name not in self._asked:
                status, body, wait_s = self._send("/v1/enrolments", sealed)
            else:
                status, body, wait_s = self._send(f"/v1/enrolments/{name}", None)
        except (OSError, http.client.HTTPException):
            return None, _AGAIN_S
        if status == 202:
            self._asked.add(name)
        if status == 404:
            self._asked.discard(name)
            return None, _AGAIN_S
        if status == 200:
            return body, 0.0
        if status in (202, 429) or status >= 500:
            return None, wait_s
        reason = _reason(body)
        raise EnrolError(_WORDS.get(reason, f"refused: {reason or status}"))

    def _send(self, path: str, body: bytes | None) -> tuple[int, bytes, float]:
        headers = {} if body is None else {"Content-Type": _MEDIA_TYPE}
        # The scheme is http or https: `checked_address`.
        asked = urllib.request.Request(self._address + path, body, headers)  # noqa: S310
        try:
            with self._opener.open(asked, timeout=_TIMEOUT_S) as answer:
                return answer.status, _limited(answer), _AGAIN_S
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _limited(error), _wait_s(error.headers.get("Retry-After"))


def checked_address(address: str) -> str:
    """http or https, a host, perhaps a port, and nothing that would be a secret. Raises
    EnrolError."""
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        parts, good = urlsplit(""), False
    if not good or parts.username or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise EnrolError("the address of the API: https://host or https://host:port")
    return f"{parts.scheme}://{parts.netloc}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _limited(answer: "IO[bytes] | http.client.HTTPResponse") -> bytes:
    body = answer.read(MAX_ANSWER + 1)
    if len(body) > MAX_ANSWER:
        raise EnrolError("the answer is too large")
    return body


def _reason(body: bytes) -> str:
    """The member `reason` of a problem, if it is a plain word."""
    try:
        reason = json.loads(body)["reason"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    plain = isinstance(reason, str) and len(reason) <= 40 and reason.isprintable()
    return str(reason) if plain else ""


def _wait_s(value: str | None) -> float:
    return min(float(value), _LONGEST_S) if value and value.isdigit() else _AGAIN_S
