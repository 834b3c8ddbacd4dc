"""The published ledger, for receipts and for the question whether it can be read."""

import threading
from pathlib import Path

from sqlalchemy import Connection

from fleet_backend.fleet import receipts
from fleet_backend.fleet.errors import NotLoggedError, SettingsError
from fleet_backend.ledger.checkpoint import SignedCheckpoint, open_checkpoint
from fleet_backend.ledger.errors import LedgerError, MissingError, PolicyError
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import CHECKPOINT, PENDING, SIGNED_ROOT, FolderFetch
from fleet_backend.ledger.treefiles import Fetch


class PublishedLedger:
    """One reader that the threads of this process take turns with."""

    def __init__(self, published: Path | Fetch, policy: Path) -> None:
        """`published`: the `public` folder, or what fetches the log's files from elsewhere."""
        self.fetch: Fetch = FolderFetch(published) if isinstance(published, Path) else published
        try:
            self._policy = parse_policy(policy.read_bytes())
        except OSError as error:
            raise SettingsError(f"cannot read {policy}: {error.strerror}") from error
        except LedgerError as error:
            raise SettingsError(f"{policy}: {error}") from error
        logs = self._policy.logs
        if len({log.name for log in logs}) != 1:
            raise SettingsError(f"{policy} must name one log, not {len(logs)}")
        self._reader = LedgerReader(self.fetch, *logs)
        self._judged = b""
        self._lock = threading.Lock()

    def size(self) -> int:
        """Leaves of the newest checkpoint that the policy accepts.

        Raises PolicyError where it is not cosigned yet, LedgerError where it cannot be read.
        """
        with self._lock:
            self._reader.update()
            return self._require_cosigned().size

    def pending_size(self) -> int:
        """Leaves of the newest checkpoint that was signed, cosigned or not. Raises LedgerError."""
        try:
            note = self.fetch(PENDING)
        except MissingError:
            note = self.fetch(CHECKPOINT)
        return open_checkpoint(note, self._policy.logs).size

    def receipt(self, connection: Connection, leaf_index: int) -> str:
        """The receipt as a proof file.

        Raises FleetError (NotLoggedError: not cosigned yet) or LedgerError.
        """
        with self._lock:
            text = receipts.build(connection, leaf_index, self._reader)
            try:
                self._require_cosigned()
            except PolicyError as error:
                raise NotLoggedError(f"the published {error}: not cosigned yet") from error
        return text

    def cose_receipt(self, connection: Connection, leaf_index: int) -> bytes:
        """The receipt as a COSE receipt. Raises FleetError or LedgerError."""
        with self._lock:
            try:
                root = self.fetch(SIGNED_ROOT)
            except MissingError as error:
                raise NotLoggedError("the log's root is not signed for COSE yet") from error
            logs = self._policy.logs
            return receipts.build_cose(connection, leaf_index, self._reader, logs, root)

    def _require_cosigned(self) -> SignedCheckpoint:
        """The reader's checkpoint. A receipt of any other would convince nobody."""
        signed = self._reader.checkpoint
        if signed.note != self._judged:
            self._policy.open_checkpoint(signed.note)
            self._judged = signed.note
        return signed
