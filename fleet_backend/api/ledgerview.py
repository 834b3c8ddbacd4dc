"""The published ledger, for receipts and for the question whether it can be read."""

import threading
from pathlib import Path

from sqlalchemy import Connection

from fleet_backend.fleet import receipts
from fleet_backend.fleet.errors import NotLoggedError, SettingsError
from fleet_backend.ledger.errors import LedgerError, MissingError
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import SIGNED_ROOT, FolderFetch


class PublishedLedger:
    """One reader that the threads of this process take turns with."""

    def __init__(self, public: Path, policy: Path) -> None:
        self.fetch = FolderFetch(public)
        try:
            logs = parse_policy(policy.read_bytes()).logs
        except OSError as error:
            raise SettingsError(f"cannot read {policy}: {error.strerror}") from error
        except LedgerError as error:
            raise SettingsError(f"{policy}: {error}") from error
        if len(logs) != 1:
            raise SettingsError(f"{policy} must name one log, not {len(logs)}")
        self._log = logs[0]
        self._reader = LedgerReader(self.fetch, self._log)
        self._lock = threading.Lock()

    def size(self) -> int:
        """Leaves of the newest checkpoint, whose signature was verified. Raises LedgerError."""
        with self._lock:
            return self._reader.update().size

    def receipt(self, connection: Connection, leaf_index: int) -> str:
        """The receipt as a proof file. Raises FleetError or LedgerError."""
        with self._lock:
            return receipts.build(connection, leaf_index, self._reader)

    def cose_receipt(self, connection: Connection, leaf_index: int) -> bytes:
        """The receipt as a COSE receipt. Raises FleetError or LedgerError."""
        with self._lock:
            try:
                root = self.fetch(SIGNED_ROOT)
            except MissingError as error:
                raise NotLoggedError("the log's root is not signed for COSE yet") from error
            return receipts.build_cose(connection, leaf_index, self._reader, self._log, root)
