"""Watches a log's published checkpoint and anchors it, at most once in a while.

Reads the served folder of the log and nothing else of it; writes into `anchors/` only. Whatever
fails here is said and tried again at the next round; the ledger's writer knows nothing of it.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fleet_backend.ledger.checkpoint import SignedCheckpoint
from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.ledger.storage import CHECKPOINT, FolderFetch
from fleet_backend.ledger.tree import ProvedTree

from .bitcoin import verify_attested
from .chain import Account, system_clock
from .errors import AnchorError, LedgerChangedError, OperationError, SettingsError
from .evm import ContractAnchors
from .jobs import Jobs
from .jsonrpc import Node
from .otsfile import Attested, OtsFile
from .settings import AnchorSettings, EvmSettings
from .store import Store, Taken
from .transaction import load_account

_LOG = logging.getLogger("fleet_backend.anchors")


def load_policy(path: Path) -> Policy:
    """The log's key and quorum: only what they allow is anchored. Raises SettingsError."""
    try:
        return parse_policy(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except LedgerError as error:
        raise SettingsError(f"{path}: {error}") from error


@dataclass(frozen=True)
class Chain:
    """One chain as the settings name it, ready to be asked."""

    node: Node
    account: Account
    anchors: ContractAnchors


def open_chain(
    settings: EvmSettings, store: Store, origin: str, clock: Callable[[], int] = system_clock
) -> Chain:
    """Raises SettingsError (key file), OperationError (a folder of another chain or account)."""
    node, jobs = Node(settings.rpc_url), Jobs(store)
    account = Account(node, load_account(settings.key_file), settings.chain, jobs, clock)
    return Chain(node, account, ContractAnchors(node, account, jobs, origin))


def only_origin(policy: Policy) -> str:
    """The origin that a policy is about. Raises SettingsError where it names several logs."""
    origins = {log.name for log in policy.logs}
    if len(origins) != 1:
        raise SettingsError(f"the policy names {len(origins)} logs; anchors are of one")
    return origins.pop()


class Watcher:
    """Anchors of one log. Not for several threads at once."""

    def __init__(
        self, settings: AnchorSettings, store: Store, clock: Callable[[], int] = system_clock
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._policy = load_policy(settings.policy)
        self._origin = only_origin(self._policy)
        self._fetch = FolderFetch(settings.ledger / "public")
        if settings.calendars is None and settings.evm is None:
            raise SettingsError("settings name neither calendars nor a chain: nothing to anchor in")
        if settings.evm is not None and settings.evm.contract is None:
            raise SettingsError("settings name no contract: `trifleet anchor deploy` makes one")
        self._chain: Chain | None = None

    def round(self) -> list[str]:
        """Everything that is due now. Returns what went wrong, one line each; raises none of it.

        The parts are apart: a dead calendar does not hold up the chain, nor the other way round.
        """
        wrong: list[str] = []
        for part in (self._take, self._stamp, self._upgrade, self._write):
            try:
                wrong += part()
            except (AnchorError, LedgerError) as error:
                wrong.append(str(error))
        return wrong

    def run(self, stop: threading.Event) -> None:
        """Rounds until `stop` is set; what is wrong is logged when it changes."""
        before: list[str] = []
        while not stop.is_set():
            wrong = self.round()
            for line in wrong:
                if line not in before:
                    _LOG.warning("%s", line)
            if before and not wrong:
                _LOG.info("all well again")
            before = wrong
            stop.wait(self._settings.poll_s)

    def _take(self) -> list[str]:
        """Take the published checkpoint up when it is due and continues what was anchored."""
        checkpoint = self._policy.open_checkpoint(self._fetch(CHECKPOINT))
        newest, now_s = self._store.newest(), self._clock()
        if newest is None:
            if checkpoint.size:
                self._store.take(checkpoint, now_s)
            return []
        self._require_continued(newest, checkpoint)
        # A clock that was set back must not stop the anchors: then the time counts as over.
        waited_s = now_s - newest.taken_s
        is_due = waited_s >= self._settings.every_s or waited_s < 0
        if checkpoint.size > newest.size and is_due:
            self._store.take(checkpoint, now_s)
        return []

    def _require_continued(self, newest: Taken, checkpoint: SignedCheckpoint) -> None:
        if checkpoint.size < newest.size:
            raise LedgerChangedError(
                f"the log rolled back from size {newest.size} to {checkpoint.size}: not anchored"
            )
        if ProvedTree(self._fetch, checkpoint).root_at(newest.size) != newest.root:
            raise LedgerChangedError(
                f"the log was forked: another root at size {newest.size} than what is anchored"
            )

    def _stamp(self) -> list[str]:
        """A timestamp for the newest checkpoint. Older ones that got none are covered by it."""
        calendars, newest = self._settings.calendars, self._store.newest()
        if calendars is None or newest is None or self._store.read_ots(newest.size) is not None:
            return []
        # Power goes before the file is there: the calendars know a number that nobody uses.
        self._store.write_ots(newest, calendars.stamp(newest.note).encode())
        return []

    def _upgrade(self) -> list[str]:
        if self._settings.calendars is None:
            return []
        wrong: list[str] = []
        for taken in self._store.all_taken():
            data = self._store.read_ots(taken.size)
            if data is not None:
                wrong += self._upgrade_one(taken, OtsFile.decode(data))
        return wrong

    def _upgrade_one(self, taken: Taken, file: OtsFile) -> list[str]:
        assert self._settings.calendars is not None
        if not file.promised():
            return []
        grown, wrong = self._settings.calendars.upgrade(file, self._header_check())
        if grown.encode() != file.encode():
            self._store.write_ots(taken, grown.encode())
        return wrong

    def _header_check(self) -> Callable[[Attested], object] | None:
        """Blocks that calendars name are checked on the spot where settings name a source."""
        source = self._settings.headers.source()
        if source is None:
            return None
        least = self._settings.headers.least_work_bits
        return lambda attested: verify_attested(attested, source, least)

    def _write(self) -> list[str]:
        newest = self._store.newest()
        if self._settings.evm is None or newest is None:
            return []
        contract = self._settings.evm.contract
        if contract is None:
            raise OperationError("settings name no contract")
        if self._chain is None:
            self._chain = open_chain(self._settings.evm, self._store, self._origin, self._clock)
        self._chain.anchors.anchor(contract, newest)
        return []
