"""One HTTP request with a limit on everything: answer bytes, and the time for all of it.

Refuses redirects, URLs that carry a password, and plain HTTP to hosts of the open internet. Errors
name the host only: a path may hold an access key.
"""

import http.client
import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from fleet_backend.ledger.timedhttp import bound_answer

from .errors import SettingsError, UnreachableError, UntrustedAnswerError

MAX_URL_CHARS = 1_000


@dataclass(frozen=True)
class Answer:
    """Status and body of an HTTP answer; nothing of it was checked."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Limits:
    """What one request may cost."""

    total_s: float = 20.0
    answer_bytes: int = 10_000


def check_url(url: str) -> SplitResult:
    """Parts of a base URL that may be asked. Raises SettingsError, which shows the host only."""
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > MAX_URL_CHARS:
        raise SettingsError("a URL is printable ASCII without spaces, at most 1,000 characters")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError("a URL of settings cannot be read") from error
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError("a URL begins with http:// or https:// and names a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingsError(f"URL of {host}: no user, password, query or fragment")
    if parts.scheme == "http" and not _is_near(host):
        raise SettingsError(f"URL of {host}: https, please; http is for machines nearby")
    return parts


def _is_near(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private


def request(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    limits: Limits | None = None,
) -> Answer:
    """Send one request. Raises UnreachableError (nobody, or not in time), UntrustedAnswerError."""
    limits = limits or Limits()
    parts = check_url(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=limits.total_s)
    bound_answer(connection, limits.total_s, limits.total_s)
    try:
        sent = {"User-Agent": "trifleet", **(headers or {})}
        connection.request(method, parts.path or "/", body, sent)
        with connection.getresponse() as response:
            return _read(response, limits, str(parts.hostname))
    except (OSError, http.client.HTTPException) as error:
        name = type(error).__name__
        raise UnreachableError(f"{parts.hostname} did not answer in full: {name}") from error
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse, limits: Limits, host: str) -> Answer:
    body = response.read(limits.answer_bytes + 1)
    if len(body) > limits.answer_bytes:
        raise UntrustedAnswerError(f"{host} answered more than {limits.answer_bytes} bytes")
    if response.length:
        raise UnreachableError(f"{host} did not answer in full")
    if 300 <= response.status < 400:
        raise UntrustedAnswerError(f"{host} redirects to elsewhere, which is not followed")
    return Answer(response.status, body)
