"""A witness (C2SP tlog-witness): cosigns a log's checkpoint only if it continues the last one.

Deny first: an unknown log, a checkpoint without the log's signature, a wrong old size, a proof that
does not hold: no signature. What is cosigned is on disk before the answer exists.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .addcheckpoint import Request, parse_request
from .checkpoint import SignedCheckpoint, open_checkpoint
from .cosign import Cosigner
from .errors import (
    CheckpointError,
    LedgerError,
    LogCorruptError,
    LogSignatureError,
    NoteError,
    OldSizeError,
    ProofError,
    RequestError,
    UnknownLogError,
    UntrustedDataError,
)
from .evidence import find_contradiction
from .merkle import EMPTY_ROOT, verify_consistency
from .note import Verifier, parse_note
from .treehead import Checkpoint, parse_checkpoint
from .witnessdb import Cosigned, WitnessDatabase

TEXT = "text/plain; charset=utf-8"
TREE_SIZE = "text/x.tlog.size"
STATUS: dict[type[UntrustedDataError], int] = {
    RequestError: 400,
    LogSignatureError: 403,
    UnknownLogError: 404,
    OldSizeError: 409,
    ProofError: 422,
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What goes back over HTTP."""

    status: int
    content_type: str
    body: bytes


def require_continued(request: Request, submitted: Checkpoint, newest: Checkpoint | None) -> None:
    """Refuse unless `submitted` may be cosigned after `newest` (None: nothing was cosigned yet).

    Raises RequestError, OldSizeError or ProofError.
    """
    size, root = (newest.size, newest.root) if newest else (0, EMPTY_ROOT)
    if request.old > submitted.size:
        raise RequestError("the old size is larger than the checkpoint's")
    if request.old != size:
        raise OldSizeError(size)
    verify_consistency(size, submitted.size, root, submitted.root, request.proof)


class Witness:
    """Rules and memory together. For any number of threads, and of processes on one database."""

    def __init__(
        self,
        database: WitnessDatabase,
        cosigners: Sequence[Cosigner],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives POSIX seconds. Raises LogCorruptError for a database of other keys."""
        self.verifiers = tuple(cosigner.verifier for cosigner in cosigners)
        database.require_cosigners(self.verifiers)
        self.database = database
        self._cosigners = tuple(cosigners)
        self._clock = clock

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer of `POST <prefix>/add-checkpoint`. Raises OperationError, and signs nothing then.

        200 has the cosignature lines, 409 the size that was cosigned last, the rest words.
        """
        try:
            request = parse_request(body)
            submitted = self._open(request.note)
            lines = self._cosign(request, submitted)
        except OldSizeError as error:
            return Answer(STATUS[OldSizeError], TREE_SIZE, b"%d\n" % error.size)
        except tuple(STATUS) as error:
            return Answer(STATUS[type(error)], TEXT, f"{error}\n".encode())
        return Answer(200, TEXT, "".join(f"{line}\n" for line in lines).encode())

    def _open(self, note: bytes) -> SignedCheckpoint:
        """The submitted checkpoint with the lines of its log's trusted keys, all of them good."""
        parsed = parse_note(note)
        origin = parse_checkpoint(parsed.text).origin
        keys = self.database.trusted(origin)
        if not keys:
            raise UnknownLogError("this witness does not know the log")
        try:
            return open_checkpoint(_with_lines_of(note, keys), keys)
        except (NoteError, CheckpointError) as error:
            raise LogSignatureError(f"not signed by the log: {error}") from error

    def _cosign(self, request: Request, submitted: SignedCheckpoint) -> list[str]:
        # Look, decide, sign and remember are one step; nobody else is between them. Power goes
        # before its end: nothing was cosigned, and no signature has left. After it: the log asks
        # again, hears the size that is remembered, and gets a cosignature of the same checkpoint.
        with self.database.exclusive():
            newest = self.database.newest(submitted.origin)
            if self._has_forgotten(request.note, submitted, newest):
                self.database.doubt(submitted.origin, request.note)
            refusal = self._refusal(request, submitted, newest)
            if refusal is None:
                return self._sign_and_keep(submitted, newest)
            self._keep_contradiction(request, submitted, newest)
        raise refusal

    def _refusal(
        self, request: Request, submitted: Checkpoint, newest: Checkpoint | None
    ) -> LedgerError | None:
        if self.database.is_doubted(submitted.origin):
            return LogCorruptError(
                f"the database is older than what was cosigned of log {submitted.origin!r}: this"
                " witness needs new keys"
            )
        try:
            require_continued(request, submitted, newest)
        except (RequestError, OldSizeError, ProofError) as error:
            return error
        return None

    def _sign_and_keep(self, submitted: SignedCheckpoint, newest: Cosigned | None) -> list[str]:
        now_s = int(self._clock())
        lines = [cosigner.cosign(submitted.text, now_s) for cosigner in self._cosigners]
        if newest is None or submitted.size > newest.size:
            note = submitted.note + "".join(f"{line}\n" for line in lines).encode()
            kept = Cosigned(submitted.origin, submitted.size, submitted.root, note)
            self.database.keep(kept)
        return lines

    def _keep_contradiction(
        self, request: Request, submitted: SignedCheckpoint, newest: Cosigned | None
    ) -> None:
        """Evidence does not depend on which size the request begins at; a suspicion does."""
        if newest is None:
            return
        ours = SignedCheckpoint(newest.origin, newest.size, newest.root, newest.note)
        found = find_contradiction(ours, submitted, request.proof)
        if found is None or not (found.is_complete or request.old == newest.size):
            return
        if self.database.keep_evidence(newest.origin, found, int(self._clock())):
            what = "a split view: evidence" if found.is_complete else "an offered proof: suspicion"
            log.warning("log %r, sizes %d and %d: %s kept", newest.origin, newest.size,
                        submitted.size, what)  # fmt: skip

    def _has_forgotten(self, note: bytes, submitted: Checkpoint, newest: Checkpoint | None) -> bool:
        """Whether a signature of our own is on something newer, or other, than we remember."""
        if newest is not None:
            is_same = (newest.size, newest.root) == (submitted.size, submitted.root)
            if is_same or submitted.size < newest.size:
                return False
        return any(_has_signed(note, verifier) for verifier in self.verifiers)


def _with_lines_of(note: bytes, keys: Sequence[Verifier]) -> bytes:
    """The note with the lines of these keys alone, each once: strangers' lines cost no disk."""
    known = {(key.name, key.key_id) for key in keys}
    parsed = parse_note(note)
    lines = [str(line) for line in parsed.signatures if (line.name, line.key_id) in known]
    unique = "".join(f"{line}\n" for line in dict.fromkeys(lines))
    if not unique:
        raise NoteError("note has no signature of a known key")
    return parsed.text + b"\n" + unique.encode()


def _has_signed(note: bytes, verifier: Verifier) -> bool:
    parsed = parse_note(note)
    for line in parsed.signatures:
        if (line.name, line.key_id) == (verifier.name, verifier.key_id):
            try:
                verifier.verify(parsed.text, line.signature)
            except NoteError:
                continue
            return True
    return False
