"""`fetch` of a log at a URL, with the standard library's HTTP client.

Refuses redirects, answers that are too long or too slow, and encodings that nobody asked for. What
comes is as little trusted as a file: whoever uses it proves it.
"""

import http.client
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .errors import ConfigError, FetchError, MissingError
from .note import MAX_NOTE_BYTES
from .storage import CHECKPOINT, MAX_FILE_BYTES, PENDING, SIGNED_ROOT
from .tile import parse_path
from .timedhttp import bound_answer

USER_AGENT = "trifleet-ledger"
_CHUNK_BYTES = 65_536
_MISSING = (404, 410)


class HttpFetch:
    """Files of the log below `url`. One connection a thread; may be handed to other processes.

    `timeout_s` bounds each wait for the network, `deadline_s` a whole answer.
    """

    def __init__(self, url: str, timeout_s: float = 10.0, deadline_s: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._connect, self._prefix = _parse_url(self.url, timeout_s)
        self._local = threading.local()

    def __call__(self, path: str) -> bytes:
        """Bytes of a checkpoint in any form, or a tile path. Raises MissingError, FetchError."""
        limit = MAX_NOTE_BYTES
        if path not in (CHECKPOINT, PENDING, SIGNED_ROOT):
            parse_path(path)
            limit = MAX_FILE_BYTES
        try:
            return self._get_reusing(path, limit)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise FetchError(f"{self.url}/{path}: {str(error) or type(error).__name__}") from error

    def _get_reusing(self, path: str, limit: int) -> bytes:
        used = getattr(self._local, "connection", None)
        if used is not None:
            try:
                return self._get(used, path, limit)
            except (ConnectionError, http.client.BadStatusLine):
                pass  # the server ended an idle connection: once more on a new one
        return self._get(self._begin(), path, limit)

    def close(self) -> None:
        """Close this thread's connection; the next call opens another."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "timeout_s": self._timeout_s, "deadline_s": self._deadline_s}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _begin(self) -> http.client.HTTPConnection:
        self.close()
        self._local.connection = self._connect()
        return self._local.connection  # type: ignore[no-any-return]

    def _get(self, connection: http.client.HTTPConnection, path: str, limit: int) -> bytes:
        bound_answer(connection, self._timeout_s, self._deadline_s)
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        connection.request("GET", f"{self._prefix}/{path}", headers=headers)
        answer = connection.getresponse()
        body = _read(answer, limit)
        if body is None:
            self.close()
        where = f"{self.url}/{path}"
        if answer.status in _MISSING:
            raise MissingError(f"no {path} in the log at {self.url}")
        if answer.status != 200:
            location = answer.getheader("Location")
            told = f", redirects to {location[:200]!r}: use that address" if location else ""
            raise FetchError(f"{where}: HTTP status {answer.status}{told}")
        if body is None:
            raise FetchError(f"{where}: longer than {limit} bytes")
        if answer.getheader("Content-Encoding", "identity") != "identity":
            raise FetchError(f"{where}: sent in an encoding that was not asked for")
        return body


def _read(answer: http.client.HTTPResponse, limit: int) -> bytes | None:
    """The body; None where it is too long."""
    parts: list[bytes] = []
    length = 0
    while part := answer.read1(_CHUNK_BYTES):
        length += len(part)
        if length > limit:
            return None
        parts.append(part)
    if answer.length:  # said to be longer than what came
        raise http.client.IncompleteRead(b"", answer.length)
    answer.read()  # nothing is left; tells the connection that it may be used again
    return b"".join(parts)


def _parse_url(url: str, timeout_s: float) -> tuple[Callable[[], http.client.HTTPConnection], str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"not a log's address: {url[:200]!r}") from error
    plain = url.isascii() and url.isprintable() and " " not in url
    if not host or not plain or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(f"not a log's address: {url[:200]!r}")
    if parts.scheme == "https":
        return lambda: http.client.HTTPSConnection(host, port, timeout=timeout_s), parts.path
    if parts.scheme == "http":
        return lambda: http.client.HTTPConnection(host, port, timeout=timeout_s), parts.path
    raise ConfigError(f"a log's address begins with http:// or https://: {url[:200]!r}")
