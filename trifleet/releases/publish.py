"""Puts a signed bundle online: ledger first, then the repository, so that no gateway is offered a
release that nobody can find out about.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.policy import Policy
from fleet_backend.receipts.logged import check_logged
from protocol import delivery, release
from protocol.errors import DecodeError, ProtocolError
from trifleet.layout import write_private
from trifleet.releases.errors import ReleaseError
from trifleet.releases.repository import Repository

RECEIPT = ".receipt"
SUFFIX = ".tfr"

# The head of a bundle to the receipt that the ledger gives for it; needs the network.
LogRelease = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Bundle:
    """A bundle whose content is what its manifest says. Signatures are for vehicles to judge."""

    name: str
    data: bytes
    head: bytes
    manifest: release.Manifest
    digest: bytes


def read_bundle(path: Path) -> Bundle:
    """Raises ReleaseError."""
    try:
        delivery.base_name(path.name, "name")
        data = path.read_bytes()
        head = data[: release.head_bytes(data[: release.START_BYTES])]
        found = release.decode_head(head)
    except OSError as error:
        raise ReleaseError(f"{path}: {error.strerror}") from error
    except DecodeError as error:
        raise ReleaseError(f"{path} is no bundle ({error}): trifleet release build") from error
    if not path.name.endswith(SUFFIX) or len(data) > delivery.MAX_FILE:
        raise ReleaseError(f"{path}: a bundle's name ends in {SUFFIX}, and it has at most 16 MiB")
    content = data[len(head) :]
    manifest = found.manifest
    digest = hashlib.sha256(content).digest()
    if len(content) != manifest.content_bytes or digest != manifest.content:
        raise ReleaseError(f"{path}: the content is not the one that was signed")
    if not found.signatures:
        raise ReleaseError(f"{path} is not signed, so no vehicle takes it: trifleet release sign")
    return Bundle(path.name, data, head, manifest, release.digest(found.raw))


def publish(
    repository: Repository,
    path: Path,
    policy: Policy,
    passphrase: bytes,
    now: datetime,
    log_release: LogRelease | None = None,
) -> Bundle:
    """Order of durable writes: receipt beside the bundle, then the repository's (see there).

    A receipt that lies there is used; else `log_release` gets one. Raises ReleaseError.
    """
    bundle = read_bundle(path)
    beside = path.with_name(path.name + RECEIPT)
    receipt = beside.read_bytes() if beside.exists() else None
    if receipt is None:
        if log_release is None:
            raise ReleaseError(
                f"{beside} is not there: the ledger has to hold a release before it goes online;"
                " name a notary that logs it with --notary"
            )
        receipt = log_release(bundle.head)
    _check(bundle, receipt, policy)
    if not beside.exists():
        write_private(beside, receipt)
    files: dict[str, tuple[bytes, dict[str, object]]] = {
        bundle.name: (bundle.data, _custom(bundle)),
        bundle.name + RECEIPT: (receipt, {}),
    }
    if not repository.has_targets({name: data for name, (data, _) in files.items()}):
        _check_number(repository, bundle)
        repository.publish(files, passphrase, now)
    return bundle


def _check(bundle: Bundle, receipt: bytes, policy: Policy) -> None:
    try:
        check_logged(bundle.head, receipt, policy)
    except (ProtocolError, LedgerError) as error:
        raise ReleaseError(
            f"{bundle.name}: the receipt does not show that the ledger has this release: {error}"
        ) from error


def _check_number(repository: Repository, bundle: Bundle) -> None:
    """A number belongs to one release of a board: by it vehicles know what is older."""
    for name, custom in repository.targets().items():
        same = custom.get("board"), custom.get("number")
        if same == (bundle.manifest.board, bundle.manifest.number):
            raise ReleaseError(f"{name} has number {bundle.manifest.number} already: take a higher")


def _custom(bundle: Bundle) -> dict[str, object]:
    return {
        "board": bundle.manifest.board,
        "version": bundle.manifest.version,
        "number": bundle.manifest.number,
        "digest": bundle.digest.hex(),
    }
