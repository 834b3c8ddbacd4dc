"""A notary's folder, opened by one process at a time.

Order of durable writes of `append`, and what is true if power goes right after each:
1. the outbox's commit of statement and chain head: it is signed and will be sent; the same words
   again find it and make no second one.
2. the copy in the archive: a receipt can be made of it later. It is made at the next opening where
   power went before.
Nothing leaves the outbox before the backend's signed word is in the archive.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from edge_gateway import key_rotation, settings
from edge_gateway.clock import Clock
from edge_gateway.enrol_files import NOTARY_SETTINGS, alone_in
from edge_gateway.outbox import Outbox
from edge_gateway.settings import GatewaySettings
from fleet_backend.ledger.policy import Policy
from fleet_backend.receipts.logged import trusting
from protocol import release, statement, workorder
from protocol.errors import DecodeError
from trifleet.notary.archive import Archive, Kept
from trifleet.notary.errors import NotaryError

ARCHIVE = "archive.db"
ADDRESS = "address"
_PAGE = 100


class Notary:
    """Made by `open_notary`. One thread only."""

    def __init__(self, folder: Path, found: GatewaySettings) -> None:
        self.folder = folder
        self.settings = found
        self.key = key_rotation.current_key(found)
        self.public_key = key_rotation.public_bytes(self.key)
        self.outbox: Outbox = key_rotation.open_outbox(found, self.key)
        self.clock = Clock(found.clock)
        try:
            self.archive = Archive(folder / ARCHIVE)
            self.copy_waiting()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        return self.settings.gateway

    @property
    def policy(self) -> Policy:
        """The logs that were named at the enrolment. Raises NotaryError where none was."""
        if not self.settings.logs:
            raise NotaryError(f"{self.folder / NOTARY_SETTINGS} names no log: enrol again")
        return trusting(self.settings.logs)

    @property
    def address(self) -> str:
        """Of the API, as it was given at the enrolment; empty where it is not known."""
        path = self.folder / ADDRESS
        return path.read_text("ascii").strip() if path.exists() else ""

    def append(self, kind: int, body: bytes) -> int:
        """Sign it; durable when this returns, and no network is needed. The number of the
        statement; the same words again are the same statement. Raises NotaryError for what the
        backend would refuse.
        """
        check_body(kind, body)
        known = self.archive.find(kind, body)
        if known is not None:
            return known.seq
        seq = self.outbox.store_body(kind, body, self.clock.read())
        self.copy_waiting()
        return seq

    def kept(self) -> list[Kept]:
        """All that it signed, in order."""
        return self.archive.all()

    def copy_waiting(self) -> None:
        """Step 2 of `append`, for all that the outbox holds."""
        after = -1
        while page := self.outbox.pending(after, _PAGE):
            self.archive.copy(page)
            after = page[-1].seq

    def close(self) -> None:
        self.outbox.close()
        if hasattr(self, "archive"):
            self.archive.close()


def check_body(kind: int, body: bytes) -> None:
    """What cannot be read is never signed. Raises NotaryError."""
    try:
        if kind == statement.WORK_ORDER:
            workorder.decode(body)
        elif kind == statement.RELEASE:
            if release.head_bytes(body[: release.START_BYTES]) != len(body):
                raise DecodeError("trailing-bytes", "release-head")
            release.decode_head(body)
        else:
            raise NotaryError("a notary signs releases and work orders, nothing else")
    except DecodeError as error:
        raise NotaryError(f"this is no {statement.KINDS[kind].lower()}: {error}") from error


@contextlib.contextmanager
def open_notary(folder: Path) -> Iterator[Notary]:
    """Raises NotaryError where there is none or another process has it, GatewayError for what is
    wrong in it."""
    path = folder / NOTARY_SETTINGS
    if not path.is_file():
        raise NotaryError(
            f"{folder} is no notary's folder: ask the operator for a code"
            " (`trifleet notary invite`), then `trifleet notary enrol`"
        )
    with alone_in(folder, NotaryError(f"another process works in {folder}: wait for it")):
        notary = Notary(folder, settings.load(path, has_buses=False))
        try:
            yield notary
        finally:
            notary.close()
