"""Was this release logged? Decided by the head of its bundle, its receipt, and the keys that are
trusted; nothing is fetched. Before a release is written to any vehicle.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from fleet_backend.ledger.note import Verifier
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.receipts.opening import open_receipt
from protocol import statement
from protocol.errors import VerifyError

# With the body of a statement in base64 and a checkpoint with cosignatures.
MAX_RECEIPT_BYTES = 1 << 18


@dataclass(frozen=True)
class Logged:
    """Where a release stands: entry `index` of the log `origin`, said by `notary` at `time`."""

    origin: str
    index: int
    size: int
    notary: str
    seq: int
    time: int


def check_logged(head: bytes, receipt: bytes, policy: Policy) -> Logged:
    """`head` is the head of the bundle, whole. Raises DecodeError, VerifyError (the receipt does
    not hold, is of something else or of another release) or LedgerError (log, policy).
    """
    if len(receipt) > MAX_RECEIPT_BYTES:
        raise VerifyError("receipt-too-large")
    found = open_receipt(receipt, policy)
    if found.kind != statement.KINDS[statement.RELEASE]:
        raise VerifyError("not-a-release")
    if not hmac.compare_digest(found.body, head):
        raise VerifyError("another-release")
    return Logged(
        found.origin,
        found.index,
        found.size,
        found.gateway,
        found.gateway_seq,
        found.gateway_time,
    )


def trusting(logs: Iterable[str | Verifier]) -> Policy:
    """Whoever holds one of these logs' keys is believed, without witnesses. `logs` are vkeys.

    Raises LedgerError; with no key nothing at all is believed.
    """
    vkeys = [one if isinstance(one, str) else one.vkey for one in logs]
    lines = [f"log {vkey}" for vkey in vkeys]
    return parse_policy("\n".join([*lines, "quorum none", ""]).encode())
