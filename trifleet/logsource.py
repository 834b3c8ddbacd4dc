"""Where a log is read from: a folder, a URL, or a checkpoint file alone."""

import dataclasses
import os
from pathlib import Path

from fleet_backend.ledger.checkpoint import SignedCheckpoint
from fleet_backend.ledger.errors import LedgerError, MissingError, UntrustedDataError
from fleet_backend.ledger.httpfetch import HttpFetch
from fleet_backend.ledger.note import MAX_NOTE_BYTES
from fleet_backend.ledger.policy import MAX_POLICY_BYTES, Policy, parse_policy
from fleet_backend.ledger.storage import CHECKPOINT, FolderFetch
from fleet_backend.ledger.treefiles import Fetch
from fleet_backend.logstore.opening import is_store_url, open_fetch
from trifleet.errors import UsageError

HTTP_CONNECTIONS = 8


@dataclasses.dataclass(frozen=True)
class LogSource:
    """A log to read. `folder` where its files can be listed; `connections` that pay."""

    name: str
    fetch: Fetch
    connections: int = 1
    folder: FolderFetch | None = None


def open_source(text: str) -> LogSource:
    """Log of a folder (the log's, or its `public` folder), of a web address or in a store.

    A store's secrets come from its environment variables. Raises UsageError, ConfigError.
    """
    if text.startswith(("http://", "https://")):
        return LogSource(text, HttpFetch(text), HTTP_CONNECTIONS)
    if is_store_url(text):
        return LogSource(text, open_fetch(text), HTTP_CONNECTIONS)
    path = Path(text)
    for public in (path / "public", path):
        if (public / CHECKPOINT).exists() or (public / "tile").is_dir():
            fetch = FolderFetch(public)
            return LogSource(text, fetch, 1, fetch)
    raise UsageError(f"{text} is neither the folder of a log nor an http(s), s3, gs or az address")


def open_checkpoint(source: LogSource, policy: Policy) -> SignedCheckpoint:
    """Its checkpoint, verified. Raises UsageError where there is none, LedgerError."""
    try:
        note = source.fetch(CHECKPOINT)
    except MissingError as error:
        raise UsageError(f"{source.name} has no checkpoint: is it a log?") from error
    return policy.open_checkpoint(note)


def read_policy(policy: Path | None, vkey: str | None) -> Policy:
    """What the user trusts: a policy file, or a log's key alone. Raises UsageError."""
    if (policy is None) == (vkey is None):
        raise UsageError("say which log you trust: --policy FILE or --vkey KEY, one of them")
    if vkey is not None:
        data, name = f"log {vkey.strip()}\nquorum none\n".encode(errors="replace"), "--vkey"
    else:
        name = str(policy)
        data = read_file(Path(name), MAX_POLICY_BYTES)
    try:
        return parse_policy(data)
    except LedgerError as error:
        raise UsageError(f"{name}: {error}") from error


def read_file(path: Path, limit: int = MAX_NOTE_BYTES * 8) -> bytes:
    """A file that the user named. Raises UsageError."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(data) > limit:
        raise UsageError(f"{path} is longer than {limit} bytes")
    return data


def parse_leaf(text: str) -> bytes:
    """Leaf hash in hexadecimal. Raises UsageError."""
    try:
        leaf = bytes.fromhex(text)
    except ValueError:
        leaf = b""
    if len(leaf) != 32:
        raise UsageError("a leaf hash is 64 hexadecimal digits")
    return leaf


def newest_size(source: LogSource, policy: Policy, seen: int) -> int:
    """Size of the newest checkpoint that the log itself signed: published, or pending."""
    size = seen
    for path in (CHECKPOINT, "pending"):
        try:
            logs_only = dataclasses.replace(policy, quorum="none")
            size = max(size, logs_only.open_checkpoint(source.fetch(path)).size)
        except (MissingError, UntrustedDataError):
            continue
    return size


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
