"""Step 5 of the order of writes: asks the witnesses of a policy in parallel for cosignatures.

A witness that is slow or dead costs the time limit once and is passed over while it is busy; it
never holds up the others.
"""

import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from .checkpoint import SignedCheckpoint
from .errors import ConfigError, LedgerError, WitnessError
from .merkle import consistency_proof
from .note import Verifier, add_what_fits, open_note
from .policy import Policy
from .tree import ProvedTree
from .treefiles import Fetch
from .witnessclient import WitnessClient

_LOG = logging.getLogger("fleet_backend.ledger")


@dataclass(frozen=True)
class QuorumSettings:
    """How long witnesses are waited for."""

    limit_s: float = 5.0
    # After the quorum is met, for those who are nearly done: their cosignatures are worth having.
    grace_s: float = 0.05


class Quorum:
    """The witnesses of one policy. One `cosign` at a time."""

    def __init__(self, policy: Policy, settings: QuorumSettings | None = None) -> None:
        """Raises ConfigError where witnesses without a URL leave no quorum that can be asked."""
        self._policy = policy
        self._settings = settings or QuorumSettings()
        keys: dict[str, list[Verifier]] = defaultdict(list)
        for name, url in policy.urls.items():
            # One witness may have a key of each type: it is asked once for both.
            keys[url.rstrip("/")].append(policy.witnesses[name])
        asked = frozenset(key for one in keys.values() for key in one)
        if not policy.is_met_by(asked):
            raise ConfigError("the policy's quorum needs witnesses whose lines have no URL")
        limit_s = self._settings.limit_s
        self._seats = [
            _Seat(WitnessClient(url, tuple(one), limit_s), limit_s) for url, one in keys.items()
        ]

    def cosign(self, signed: SignedCheckpoint, fetch: Fetch) -> bytes:
        """The note of `signed` with the cosignatures that came in time; perhaps with none.

        `fetch` reads the log's own files, for consistency proofs.
        """
        answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

        def prove(old: int) -> list[bytes]:
            # Each witness has a tree of its own: they are no shared property of threads.
            return consistency_proof(old, signed.size, ProvedTree(fetch, signed).range_hash)

        waiting = sum(
            seat.ask(lambda client: client.cosign(signed, prove), answers.put)
            for seat in self._seats
        )
        note, met = signed.note, False
        end = time.monotonic() + self._settings.limit_s
        while waiting and (left := end - time.monotonic()) > 0:
            try:
                lines = answers.get(timeout=left)
            except queue.Empty:
                break
            waiting -= 1
            note = add_what_fits(note, lines)
            if not met and self.is_met_by(note):
                met, end = True, min(end, time.monotonic() + self._settings.grace_s)
        return note

    def is_met_by(self, note: bytes) -> bool:
        """Whether the cosignatures of a note are a quorum. They were verified before."""
        witnesses = tuple(self._policy.witnesses.values())
        signers = open_note(note, (*self._policy.logs, *witnesses)).signers
        return self._policy.is_met_by(frozenset(signers))

    def close(self) -> None:
        """Give up what is still being asked."""
        for seat in self._seats:
            seat.close()


class _Seat:
    """A witness at the table: at most one question at a time, in a thread of its own."""

    def __init__(self, client: WitnessClient, limit_s: float) -> None:
        self._client = client
        self._limit_s = limit_s
        self._turn = threading.Lock()
        self._busy_since = 0.0
        self._complaint = ""

    def ask(
        self, question: Callable[[WitnessClient], list[str]], answer: Callable[[list[str]], None]
    ) -> bool:
        """Ask in the background; `answer` gets the lines. False: it is busy with an earlier one."""
        if not self._turn.acquire(blocking=False):
            if time.monotonic() - self._busy_since > self._limit_s:
                self._client.abort()
            return False
        self._busy_since = time.monotonic()
        # A daemon: a witness must not keep the program from ending.
        thread = threading.Thread(
            target=self._run, args=(question, answer), name="witness", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads
            self._turn.release()
            raise
        return True

    def _run(
        self, question: Callable[[WitnessClient], list[str]], answer: Callable[[list[str]], None]
    ) -> None:
        lines: list[str] = []
        try:
            lines = question(self._client)
            self._complain("")
        except WitnessError as error:
            self._complain(str(error))
        except LedgerError as error:
            self._complain(f"was not asked: {error}")
        finally:
            self._turn.release()
            answer(lines)

    def _complain(self, text: str) -> None:
        """Once, not at every checkpoint."""
        if text != self._complaint:
            _LOG.warning("witness %s %s", self._client.url, text or "cosigns again")
        self._complaint = text

    def close(self) -> None:
        self._client.abort()
        if self._turn.acquire(timeout=self._limit_s):
            self._client.close()
            self._turn.release()
