"""The log's side of C2SP tlog-witness: asks one witness for its cosignatures.

Refuses a cosignature that does not verify with the key that the policy names, and believes nothing
else that a witness says but the size that it asks a proof from.
"""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from .addcheckpoint import Request, encode_request
from .checkpoint import SignedCheckpoint
from .encoding import parse_number
from .errors import CheckpointError, ConfigError, NoteError, WitnessError
from .note import Verifier, parse_signature
from .timedhttp import bound_answer

MAX_ANSWER_BYTES = 65_536
SIZE_TYPE = "text/x.tlog.size"
_ATTEMPTS = 2  # the first one may have to learn which size the witness knows
_STALE = (ConnectionError, HTTPException)

Prove = Callable[[int], list[bytes]]
"""`prove(old)`: the consistency proof from size `old` to the checkpoint that is to be cosigned."""


class WitnessClient:
    """One witness, by the prefix of its URL. One request at a time; `abort` from other threads."""

    def __init__(self, url: str, keys: tuple[Verifier, ...], limit_s: float) -> None:
        """Raises ConfigError for a URL that is no http or https prefix."""
        self.url = url
        self._keys = {(key.name, key.key_id): key for key in keys}
        self._limit_s = limit_s
        self._connection, self._path = _connection_of(url, limit_s)
        self._size = 0

    def cosign(self, signed: SignedCheckpoint, prove: Prove) -> list[str]:
        """Verified cosignature lines over `signed`, one for each key that signed.

        Raises WitnessError, whose text says why there are none.
        """
        old = min(self._size, signed.size)
        for _ in range(_ATTEMPTS):
            status, kind, body = self._post(encode_request(_request(old, signed, prove)))
            if status != 409 or kind != SIZE_TYPE:
                break
            old = _known_size(body)
            if old > signed.size:
                # Either the witness is wrong, or this log was set back to an older state.
                raise WitnessError(f"has seen size {old}, and the log has {signed.size} entries")
        if status != 200:
            raise WitnessError(f"answered {status}: {_printable(body)}", status)
        lines = self._verified(body, signed.text)
        self._size = signed.size
        return lines

    def abort(self) -> None:
        """End a request that takes too long; it raises WitnessError in its own thread."""
        connected = self._connection.sock
        if connected is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._connection.close()

    def _verified(self, body: bytes, text: bytes) -> list[str]:
        # One a key: what else a witness sends would take the room of others in the note.
        lines: dict[Verifier, str] = {}
        try:
            for line in body.decode("utf-8").removesuffix("\n").split("\n"):
                found = parse_signature(line)
                key = self._keys.get((found.name, found.key_id))
                if key is not None:
                    key.verify(text, found.signature)
                    lines.setdefault(key, line)
        except (UnicodeDecodeError, NoteError) as error:
            raise WitnessError(f"answered with what is no cosignature: {error}") from error
        if not lines:
            raise WitnessError("answered without a cosignature of the key that the policy names")
        return list(lines.values())

    def _post(self, body: bytes) -> tuple[int, str, bytes]:
        """Status, content type and body of the answer."""
        reused = self._connection.sock is not None
        try:
            try:
                return self._exchange(body)
            except _STALE:
                # The other side may have closed a connection that was idle.
                if not reused:
                    raise
                self._connection.close()
                return self._exchange(body)
        except TimeoutError as error:
            self._connection.close()
            raise WitnessError(f"took longer than {self._limit_s} s for its answer") from error
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise WitnessError(f"cannot be reached: {error or type(error).__name__}") from error

    def _exchange(self, body: bytes) -> tuple[int, str, bytes]:
        bound_answer(self._connection, self._limit_s, self._limit_s)
        self._connection.request("POST", self._path, body, {"Content-Type": "text/plain"})
        response = self._connection.getresponse()
        data = response.read(MAX_ANSWER_BYTES + 1)
        if len(data) > MAX_ANSWER_BYTES:
            self._connection.close()
            raise WitnessError(f"answered more than {MAX_ANSWER_BYTES} bytes")
        return response.status, response.getheader("Content-Type", "").split(";")[0].strip(), data


def _request(old: int, signed: SignedCheckpoint, prove: Prove) -> Request:
    return Request(old, tuple(prove(old)), signed.note)


def _known_size(body: bytes) -> int:
    try:
        return parse_number(body.decode("ascii").removesuffix("\n"))
    except (UnicodeDecodeError, CheckpointError) as error:
        raise WitnessError("answered with what is no size") from error


def _printable(body: bytes) -> str:
    """The first of a stranger's words, for a log line."""
    text = body[:120].decode("ascii", "replace").strip()
    return "".join(char if char.isprintable() else "?" for char in text)


def _connection_of(url: str, limit_s: float) -> tuple[HTTPConnection, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError as error:
        raise ConfigError(f"witness URL {url[:80]!r}: {error}") from error
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        raise ConfigError(f"witness URL {url[:80]!r} must be http(s)://host/prefix")
    if parts.query or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError(f"witness URL {url[:80]!r} must be http(s)://host/prefix")
    path = parts.path.rstrip("/") + "/add-checkpoint"
    if parts.scheme == "http":
        return HTTPConnection(host, port, timeout=limit_s), path
    context = ssl.create_default_context()
    return HTTPSConnection(host, port, timeout=limit_s, context=context), path
