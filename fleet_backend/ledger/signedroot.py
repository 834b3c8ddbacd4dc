"""The signed root beside the checkpoint, from which anybody makes COSE receipts without the key.

Written by whoever holds the log's key, for checkpoints that are published already: it says nothing
that the log did not sign before. Refuses a checkpoint that none of the log's keys signed.
"""

import os
import secrets
from pathlib import Path

from .checkpoint import open_checkpoint
from .cose import sign_root
from .note import Signer, Verifier
from .storage import CHECKPOINT, SIGNED_ROOT, FolderFetch, storage_errors


class SignedRootFile:
    """Keeps `checkpoint.cose` in a log's public folder in step with `checkpoint`."""

    def __init__(self, public: Path, signer: Signer, *former: Verifier) -> None:
        """`former`: a key that signed the published checkpoint before the log changed it."""
        self._public = public
        self._signer = signer
        self._keys = (signer.verifier, *former)
        self._fetch = FolderFetch(public)
        self._done = b""

    def update(self) -> bool:
        """Sign the root of the published checkpoint; True if there was something to do.

        Raises NoteError or CheckpointError (not ours), MissingError, StorageError.
        """
        note = self._fetch(CHECKPOINT)
        if note == self._done:
            return False
        signed = open_checkpoint(note, self._keys)
        self._replace(sign_root(signed, self._signer))
        self._done = note
        return True

    def _replace(self, data: bytes) -> None:
        """Old or new, never half. Not synced: after a power cut the next start writes it again."""
        temporary = self._public.parent / "tmp" / f"{SIGNED_ROOT}.{secrets.token_hex(4)}"
        with storage_errors("publishing the signed root"):
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            temporary.replace(self._public / SIGNED_ROOT)
