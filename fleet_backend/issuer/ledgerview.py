"""Is a statement in the published ledger? Believes proofs up to the log's signature alone."""

import logging
from pathlib import Path

from fleet_backend.ledger.errors import LedgerError, PolicyError
from fleet_backend.ledger.merkle import leaf_hash, verify_inclusion
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.treefiles import Fetch

from .errors import LedgerPolicyError

log = logging.getLogger(__name__)


class LedgerView:
    """The log as it is published in a folder. A log that cannot be believed shows nothing."""

    def __init__(self, published: Path | Fetch, policy: Path) -> None:
        """`published`: the `public` folder, or what fetches the log's files from elsewhere."""
        try:
            self._policy = parse_policy(policy.read_bytes())
        except OSError as error:
            raise LedgerPolicyError(f"cannot read {policy}: {error.strerror}") from error
        except LedgerError as error:
            raise LedgerPolicyError(f"{policy}: {error}") from error
        logs = self._policy.logs
        if len({log.name for log in logs}) != 1:
            raise LedgerPolicyError(f"{policy} must name one log, not {len(logs)}")
        fetch = FolderFetch(published) if isinstance(published, Path) else published
        self._reader = LedgerReader(fetch, *logs)
        self._complaint = ""

    def refresh(self) -> int:
        """Look at the newest checkpoint; returns how many leaves can be proved, 0 if none."""
        try:
            signed = self._reader.update()
            # The policy has the last word: where it asks for witnesses, they have signed, too.
            self._policy.open_checkpoint(signed.note)
        except PolicyError as error:
            self._complain(f"not cosigned yet: {error}")
            return 0
        except LedgerError as error:
            self._complain(str(error))
            return 0
        self._complaint = ""
        return signed.size

    def holds(self, index: int, statement: bytes) -> bool:
        """Is `statement` the leaf at `index` of the checkpoint that `refresh` saw last?"""
        signed = self._reader.checkpoint
        try:
            proof = self._reader.inclusion_proof(index)
            verify_inclusion(index, signed.size, leaf_hash(statement), proof, signed.root)
        except LedgerError as error:
            self._complain(f"leaf {index}: {error}")
            return False
        return True

    def _complain(self, text: str) -> None:
        """Once, not twenty times a second."""
        if text != self._complaint:
            log.warning("ledger: %s", text)
        self._complaint = text
