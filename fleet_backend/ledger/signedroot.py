"""The signed root beside the checkpoint, from which anybody makes COSE receipts without the key.

Written by whoever holds the log's key, for checkpoints that are published already: it says nothing
that the log did not sign before. Refuses a checkpoint that none of the log's keys signed.
"""

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from .bundlecheck import Fault
from .checkpoint import parse_checkpoint
from .cose import open_root, sign_root
from .errors import CheckpointError, MissingError, UntrustedDataError
from .note import Signer, Verifier, open_note
from .reader import LedgerReader
from .storage import CHECKPOINT, SIGNED_ROOT, FolderFetch, storage_errors
from .treefiles import Fetch


def signed_root_fault(fetch: Fetch, logs: Sequence[Verifier]) -> Fault | None:
    """What is wrong with the signed root of a log whose files hold; None also where it has none."""
    try:
        signed_root = fetch(SIGNED_ROOT)
        # It follows the checkpoint, so the one that is read now is of its size or newer.
        open_root(signed_root, LedgerReader(fetch, *logs), logs)
    except MissingError:
        return None
    except UntrustedDataError as error:
        return Fault(SIGNED_ROOT, f"is not what the log signed: {error}")
    return None


class SignedRoot:
    """Keeps `checkpoint.cose` in step with `checkpoint`, wherever the two lie."""

    def __init__(
        self,
        published: Callable[[], bytes | None],
        put: Callable[[bytes], None],
        *signers: Signer,
    ) -> None:
        """`published` gives the checkpoint that readers see, None while there is none; `put`
        replaces the signed root. `signers`: the log's key, or its new and its former one while it
        changes.
        """
        self._published = published
        self._put = put
        self._signers = signers
        self._done = b""

    def update(self) -> bool:
        """Sign the root of the published checkpoint; True if there was something to do.

        Raises NoteError or CheckpointError (not ours), StorageError.
        """
        note = self._published()
        if note is None or note == self._done:
            return False
        opened = open_note(note, [signer.verifier for signer in self._signers])
        checkpoint = parse_checkpoint(opened.text)
        for signer in self._signers:
            if signer.name == checkpoint.origin and signer.verifier in opened.signers:
                self._put(sign_root(checkpoint, signer))
                self._done = note
                return True
        raise CheckpointError(f"no key of ours is that of the log {checkpoint.origin!r}")


class SignedRootFile(SignedRoot):
    """The same in a log's public folder, for whatever checkpoint lies there."""

    def __init__(self, public: Path, *signers: Signer) -> None:
        self._public = public
        self._fetch = FolderFetch(public)
        super().__init__(self._read, self._replace, *signers)

    def _read(self) -> bytes | None:
        try:
            return self._fetch(CHECKPOINT)
        except MissingError:
            return None  # the first one still waits for its witnesses

    def _replace(self, data: bytes) -> None:
        """Old or new, never half. Not synced: after a power cut the next start writes it again."""
        temporary = self._public.parent / "tmp" / f"{SIGNED_ROOT}.{secrets.token_hex(4)}"
        with storage_errors("publishing the signed root"):
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            temporary.replace(self._public / SIGNED_ROOT)
