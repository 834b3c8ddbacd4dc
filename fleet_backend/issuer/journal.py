"""What the issuer signed and has not handed out yet: one file a grant, on its own disk.

A signed grant stays here, out of the database's reach, until its statement is in the published
log: who can read or write the database can neither use a grant unseen nor make it be signed twice.
"""

import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from protocol import cbor, fields
from protocol.errors import DecodeError

from .errors import JournalError

log = logging.getLogger(__name__)
_SUFFIX = ".signed"


@dataclass(frozen=True)
class Signed:
    """One decision: the statement that logs a grant, and the chain to hand out once it is logged.

    `body` is what the statement commits to, with `salt`.
    """

    grant: str  # public id of the grants row
    statement: bytes
    salt: bytes
    body: bytes
    chain: bytes
    expires: int  # the request's freshness ends: from then on nothing is handed out


class Journal:
    """A folder that one issuer holds at a time. `add` is durable when it returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _journal_errors("opening"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise JournalError(f"another issuer holds the journal {folder}") from error

    def close(self) -> None:
        os.close(self._lock)

    def load(self) -> list[Signed]:
        """What was signed and not handed out, oldest first; half-written files are dropped."""
        with _journal_errors("reading"):
            for path in self._folder.glob("*.new"):
                path.unlink()
            names = self._folder.glob("*" + _SUFFIX)
            found = sorted((path.stat().st_mtime_ns, path) for path in names)
        signed = [_read(path) for _, path in found]
        return [item for item in signed if item is not None]

    def add(self, item: Signed) -> None:
        """Keep `item`. Raises JournalError; nothing may be said about the grant then."""
        target = self._path(item.grant)
        temporary = target.with_suffix(".new")
        with _journal_errors("writing"):
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_encode(item))
                file.flush()
                os.fsync(descriptor)
            temporary.replace(target)
            self._sync_folder()

    def drop(self, grant: str) -> None:
        """Forget a grant that was handed out or has expired."""
        with _journal_errors("dropping from"):
            self._path(grant).unlink(missing_ok=True)

    def _path(self, grant: str) -> Path:
        # The id comes from the database: hashed, it cannot lead out of the folder.
        return self._folder / (hashlib.sha256(grant.encode()).hexdigest()[:32] + _SUFFIX)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _encode(item: Signed) -> bytes:
    parts = [item.grant, item.statement, item.salt, item.body, item.chain, item.expires]
    return cbor.encode([fields.VERSION, *parts])


def _read(path: Path) -> Signed | None:
    """A file that cannot be read is left for a human: its request expires, nothing is issued."""
    with _journal_errors("reading"):
        data = path.read_bytes()
    try:
        version, grant, statement, salt, body, chain, expires = fields.array(
            cbor.decode(data), "journal", 7
        )
        fields.version(version, "journal.version")
        return Signed(
            fields.text(grant, "journal.grant"),
            fields.octets(statement, "journal.statement"),
            fields.octets(salt, "journal.salt", 16),
            fields.octets(body, "journal.body"),
            fields.octets(chain, "journal.chain"),
            fields.uint(expires, "journal.expires"),
        )
    except DecodeError as error:
        log.error("journal file %s is not usable: %s", path.name, error)
        return None


@contextmanager
def _journal_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JournalError(f"{what} the journal: {error.strerror or error}") from error
