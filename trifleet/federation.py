"""Three owners on one machine, each with a fleet of its own, each witness of the others' logs.

Shows what that is worth: one owner, with his own key, writes a second history, and no quorum can
be had for it. What he signed stays behind as a file that convinces a stranger.
"""

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fleet_backend.fleet.settings import load
from fleet_backend.ledger.checkpoint import SignedCheckpoint
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.errors import LedgerError, PolicyError, ProofError, WitnessError
from fleet_backend.ledger.evidence import SplitView, verify_evidence
from fleet_backend.ledger.httpfetch import HttpFetch
from fleet_backend.ledger.keys import load_cosigner, load_log_key, log_signer
from fleet_backend.ledger.merkle import consistency_proof
from fleet_backend.ledger.note import Verifier, add_signatures
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.ledger.storage import CHECKPOINT, FolderFetch
from fleet_backend.ledger.tree import ProvedTree
from fleet_backend.ledger.witness import STATUS
from fleet_backend.ledger.witnessclient import WitnessClient
from fleet_backend.ledger.witnessdb import WitnessDatabase
from fleet_backend.ledger.writer import LedgerWriter
from fleet_backend.witness.settings import WitnessSettings
from fleet_backend.witness.setup import SETTINGS_FILE, policy_lines
from trifleet import installation
from trifleet.errors import FederationError
from trifleet.layout import write_private
from trifleet.ports import LOOPBACK, free_port
from trifleet.stack import Stack, StackSettings

OWNERS = ("owner-1", "owner-2", "owner-3")
_COSIGNED_S = 60.0
_ANSWER_S = 10.0

Say = Callable[[str, str], None]


@dataclass
class Owner:
    """One owner's installation, and what others have to know of it."""

    name: str
    stack: Stack
    log: Verifier
    witness: tuple[Verifier, ...]

    @property
    def witness_url(self) -> str:
        return f"http://{LOOPBACK}:{self.stack.settings.witness_port}"

    @property
    def policy(self) -> Policy:
        """Whom this owner's readers believe: the log, cosigned by all the others."""
        return parse_policy(self.stack.layout.policy.read_bytes())

    def published(self) -> SignedCheckpoint:
        """The checkpoint that readers see, verified with the policy. Raises LedgerError."""
        return self.policy.open_checkpoint(HttpFetch(f"{self.stack.address}/ledger")(CHECKPOINT))


@dataclass(frozen=True)
class Fork:
    """A second history of one log, and what came of it."""

    origin: str
    size: int
    refusals: tuple[str, ...]
    evidence: bytes
    proved: SplitView


class Federation:
    """Starts the owners and stops them. One thread: their processes end with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stacks: list[Stack] = []
        self.owners: list[Owner] = []

    def start(self, say: Say, stop: threading.Event) -> None:
        """Found the owners, make them witnesses of one another, start everything.

        Returns early where `stop` is set. Raises TrifleetError, LedgerError.
        """
        self.owners = [self._found(name, say) for name in OWNERS]
        for owner in self.owners:
            self._trust_others(owner)
            owner.stack.start_witness(say)
        # Before the log has an entry: what a dishonest owner would go back to.
        dishonest = self.owners[-1].stack.layout
        shutil.copytree(dishonest.ledger, self._second_history)
        for owner in self.owners:
            if not stop.is_set():
                owner.stack.start(_prefixed(owner.name, say), stop)
        for owner in self.owners:
            self.show(owner, say, stop)

    def show(self, owner: Owner, say: Say, stop: threading.Event) -> None:
        """Wait until the others have cosigned what the owner's log holds."""
        end = time.monotonic() + _COSIGNED_S
        while not stop.is_set():
            try:
                signed = owner.published()
            except LedgerError as error:
                signed, why = None, str(error)
            else:
                why = "the log is empty"
            if signed is not None and signed.size > 0:
                others = " and ".join(other.name for other in self.others(owner))
                say(owner.name, f"{signed.origin}: {signed.size} entries, cosigned by {others}")
                return
            if time.monotonic() > end:
                raise FederationError(f"{owner.name}: its log was not cosigned: {why}")
            stop.wait(0.1)

    def fork(self, say: Say) -> Fork:
        """The last owner stops, writes another history with his key, and asks for cosignatures."""
        owner = self.owners[-1]
        owner.stack.stop()
        known = self._others_know(owner)
        size = max(known.values())
        say("fork", f"{owner.name} stops at {size} entries and writes {size} others in secret")
        signed = self._write_second_history(owner, sorted(known.values()))
        refusals = tuple(
            self._ask(owner, other, signed[known[other.name]]) for other in self.others(owner)
        )
        for other, words in zip(self.others(owner), refusals, strict=True):
            say("refused", f"{other.name}: {words}")
        self._require_worthless(owner, signed[size])
        say("worthless", "no reader who asks for the quorum accepts the second history")
        files = [self._evidence(owner, other) for other in self.others(owner)]
        evidence, proved = files[-1]
        say("proved", str(proved))
        return Fork(owner.log.name, size, refusals, evidence, proved)

    def come_back(self, say: Say, stop: threading.Event) -> None:
        """The last owner again, with the history that everybody knows."""
        old = self.owners[-1]
        stack = self._add(Stack(old.stack.settings))
        stack.start_witness(say)
        stack.start(_prefixed(old.name, say), stop)
        self.owners[-1] = Owner(old.name, stack, old.log, old.witness)
        self.show(self.owners[-1], say, stop)

    def others(self, owner: Owner) -> list[Owner]:
        return [other for other in self.owners if other.name != owner.name]

    def stop(self) -> None:
        """End every process; safe to call twice."""
        for stack in self._stacks:
            stack.stop()

    @property
    def _second_history(self) -> Path:
        return self._folder / "second-history"

    def _add(self, stack: Stack) -> Stack:
        self._stacks.append(stack)
        return stack

    def _found(self, name: str, say: Say) -> Owner:
        settings = StackSettings(
            data=self._folder / name, vehicles=1, port=free_port(), witness_port=free_port()
        )
        stack = self._add(Stack(settings))
        layout = stack.layout
        installation.found(layout, _prefixed(name, say))
        installation.make_witness(layout, _prefixed(name, say))
        log = log_signer(installation.origin(layout), load_log_key(layout.log_key)).verifier
        witness = tuple(one.verifier for one in _cosigners(_witness_settings(stack)))
        return Owner(name, stack, log, witness)

    def _trust_others(self, owner: Owner) -> None:
        """The owner's policy asks for all the others, and his witness knows their logs."""
        others = self.others(owner)
        lines = [f"log {owner.log.vkey}"]
        for other in others:
            lines += policy_lines(other.witness, other.name, other.witness_url)
        lines += [f"group others all {' '.join(other.name for other in others)}", "quorum others"]
        write_private(owner.stack.layout.policy, ("\n".join(lines) + "\n").encode())
        with WitnessDatabase(_witness_settings(owner.stack).database) as memory:
            for other in others:
                memory.trust(other.log)

    def _others_know(self, owner: Owner) -> dict[str, int]:
        """The size that each other witness cosigned last: the log has stopped.

        They may differ: a witness may have been asked once more when the owner was stopped.
        """
        sizes = {}
        for other in self.others(owner):
            with WitnessDatabase(_witness_settings(other.stack).database) as memory:
                newest = memory.newest(owner.log.name)
            if newest is None or newest.size == 0:
                raise FederationError(f"{other.name} has cosigned nothing of {owner.log.name}")
            sizes[other.name] = newest.size
        return sizes

    def _write_second_history(self, owner: Owner, sizes: list[int]) -> dict[int, SignedCheckpoint]:
        """Other entries under the owner's own key, with a checkpoint at each of these sizes."""
        signed = {}
        key = load_log_key(owner.stack.layout.log_key)
        with LedgerWriter.open(self._second_history, owner.log.name, key) as writer:
            for size in sizes:
                entries = [b"another history, entry %d" % n for n in range(writer.size, size)]
                writer.append(entries)
                signed[size] = writer.checkpoint
        return signed

    def _ask(self, owner: Owner, other: Owner, signed: SignedCheckpoint) -> str:
        """Words of the refusal. Raises FederationError where the witness cosigned, or is not there.

        The witness knows this size with another root. A refusal is an answer of 422: one that
        cannot be reached, or that knows nothing of the log, has refused nothing.
        """
        client = WitnessClient(other.witness_url, other.witness, _ANSWER_S)
        fetch = FolderFetch(self._second_history / "public")

        def prove(old: int) -> list[bytes]:
            return consistency_proof(old, signed.size, ProvedTree(fetch, signed).range_hash)

        try:
            client.cosign(signed, prove)
        except WitnessError as error:
            if error.status != STATUS[ProofError]:
                told = f"{other.name} did not judge the second history: {error}"
                raise FederationError(told) from error
            return str(error)
        finally:
            client.close()
        raise FederationError(f"{other.name} cosigned two histories of {owner.log.name}")

    def _require_worthless(self, owner: Owner, signed: SignedCheckpoint) -> None:
        """All that the owner can sign himself, his own witness's keys included, is no quorum."""
        own = _cosigners(_witness_settings(owner.stack))
        lines = [cosigner.cosign(signed.text, int(time.time())) for cosigner in own]
        try:
            owner.policy.open_checkpoint(add_signatures(signed.note, lines))
        except PolicyError:
            return
        raise FederationError("the second history satisfies the policy")

    def _evidence(self, owner: Owner, other: Owner) -> tuple[bytes, SplitView]:
        """The file that a witness kept, checked as a stranger would: with the log's key alone."""
        with WitnessDatabase(_witness_settings(other.stack).database) as memory:
            kept = [one for one in memory.evidence() if one.origin == owner.log.name]
        for one in kept:
            if one.is_complete:
                return one.file, verify_evidence(one.file, (owner.log,))
        raise FederationError(f"{other.name} kept no evidence of the second history")


def _witness_settings(stack: Stack) -> WitnessSettings:
    return load(stack.layout.witness / SETTINGS_FILE, WitnessSettings)


def _cosigners(settings: WitnessSettings) -> list[Cosigner]:
    files = (settings.ed25519_key, settings.ml_dsa_44_key)
    return [load_cosigner(settings.name, file) for file in files]


def _prefixed(name: str, say: Say) -> Say:
    return lambda step, text: say(name, f"{step}: {text}" if text else step)
