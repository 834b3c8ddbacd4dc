"""A release before it may be written to a board: whole, signed by enough of the keys that count,
and logged. Nothing is fetched: the receipt lies beside the bundle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.receipts.logged import MAX_RECEIPT_BYTES, check_logged
from protocol import release
from protocol.errors import DecodeError, ProtocolError
from trifleet.commissioning.errors import SheetError
from workbench.bench import Bench
from workbench.errors import ReleaseOnlyError, UnsignedError, WrongBoardError
from workbench.kept import check_floor
from workbench.provision import RELEASE_FILE, read_file
from workbench.release import bundle as bundles
from workbench.release import signing
from workbench.source import Source, of_bundle

RECEIPT_SUFFIX = ".receipt"
MOST_BUNDLE_BYTES = release.MOST_HEAD_BYTES + release.MOST_CONTENT_BYTES


@dataclass(frozen=True)
class Logged:
    """A bundle that is whole and whose receipt holds. Who signed it is not decided yet."""

    bundle: bundles.Bundle
    source: Source


@dataclass(frozen=True)
class Believed:
    """Thumbprints of release keys, and how many of them must have signed."""

    keys: Sequence[bytes] = ()
    threshold: int = release.DEFAULT_THRESHOLD


def open_release(path: Path, policy: Policy) -> Logged:
    """Raises ReleaseError for what is no whole release, UnsignedError without a receipt that
    holds for a log of `policy`."""
    found = bundles.read(_read(path, MOST_BUNDLE_BYTES))
    receipt = path.with_name(path.name + RECEIPT_SUFFIX)
    if not receipt.is_file():
        raise UnsignedError(
            f"{receipt.name} is not beside {path.name}: this release was never logged, or its"
            " receipt did not come along"
        )
    try:
        check_logged(found.head_bytes, _read(receipt, MAX_RECEIPT_BYTES), policy)
    except (ProtocolError, LedgerError) as error:
        raise UnsignedError(f"{receipt.name} does not hold: {error}") from error
    return Logged(found, of_bundle(found))


def read_policy(path: Path) -> Policy:
    """Which logs are believed: a policy file, as `trifleet ledger` takes it. Raises SheetError."""
    try:
        return parse_policy(_read(path, 1 << 16))
    except LedgerError as error:
        raise SheetError(f"{path}: {error}") from error


def check_release(
    bench: Bench, logged: Logged, board: str, believed: Believed, replace: bool
) -> None:
    """The board's own file of release keys decides; a board without one believes those that the
    mechanic was given. `replace` lets it go back to an older one. Raises UnsignedError,
    WrongBoardError and OlderError before anything is written."""
    keys, threshold = believed.keys, believed.threshold
    said = logged.bundle.manifest
    if said.board != board:
        raise WrongBoardError(f"{bench.repl.port}: {board or 'unknown'}; this is for {said.board}")
    trust = _trust(bench)
    if trust is not None:
        keys, threshold = trust.keys, trust.threshold
    if not keys:
        raise UnsignedError(
            "nobody says whose releases count: this board has no release keys, and none was given"
            " with --release-key"
        )
    signing.verify(logged.bundle, frozenset(keys), threshold)
    if not replace:
        check_floor(bench, said.number)


def check_unsigned(bench: Bench, replace: bool) -> None:
    """What nobody signed never replaces a release by mistake. Raises ReleaseOnlyError."""
    if not replace and read_file(bench, RELEASE_FILE) is not None:
        raise ReleaseOnlyError(f"{bench.repl.port}: this board takes signed releases only")


def _trust(bench: Bench) -> "release.Trust | None":
    data = read_file(bench, RELEASE_FILE)
    try:
        return None if data is None else release.decode_trust(data)
    except DecodeError as error:
        raise UnsignedError(f"{bench.repl.port}: its release keys are unreadable") from error


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise SheetError(f"{path}: more than {most} bytes")
    return data
