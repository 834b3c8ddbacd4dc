"""Fetches the receipts of what the ledger has: the place from the API, the proof from the log.

The server is asked where an entry stands and believed in nothing: the receipt is made here, of our
own copy of the content and of the log's public files, and verified before it is kept.
"""

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request

from edge_gateway.enrol_carrier import checked_address
from fleet_backend.ledger.errors import FetchError, LedgerError, MissingError
from fleet_backend.ledger.httpfetch import HttpFetch
from fleet_backend.ledger.proof import make_proof
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.receipts.opening import open_receipt
from protocol import cbor, statement
from protocol.errors import DecodeError, VerifyError
from trifleet.notary.archive import Kept
from trifleet.notary.errors import ReceiptFaultError, WaitingError
from trifleet.notary.notary import Notary

_TIMEOUT_S = 15.0
_AGAIN_S = 0.5
_MOST_ANSWER = 4096


def collect(notary: Notary, address: str, wait_s: float) -> int:
    """Receipts of all that the backend has taken; how many were fetched.

    Raises WaitingError where the ledger had not all of it in time or nobody answers, and
    ReceiptFaultError where something does not hold.
    """
    due = notary.archive.without_receipt()
    if not due:
        return 0
    address = checked_address(address)
    end = time.monotonic() + wait_s
    for one in due:
        while (receipt := _fetch(notary, address, one)) is None:
            if time.monotonic() > end:
                raise WaitingError(f"statement {one.seq} is not in the published ledger yet")
            time.sleep(_AGAIN_S)
        notary.archive.keep_receipt(one.seq, receipt)
    return len(due)


def _fetch(notary: Notary, address: str, one: Kept) -> bytes | None:
    """The verified receipt, or None while the published ledger has not the statement."""
    index = _place(address, statement.statement_hash(one.sign1))
    if index is None:
        return None
    reader = LedgerReader(HttpFetch(f"{address}/ledger", _TIMEOUT_S), *notary.settings.logs)
    extra = cbor.encode([1, one.sign1, one.salt, one.body, notary.public_key])
    try:
        if reader.checkpoint.size <= index:
            return None
        receipt = make_proof(reader, index, extra).encode()
        found = open_receipt(receipt, notary.policy, notary.public_key)
    except (FetchError, MissingError) as error:
        raise WaitingError(f"the ledger at {address} does not answer: {error}") from error
    except (LedgerError, DecodeError, VerifyError) as error:
        raise ReceiptFaultError(f"the ledger at {address} does not prove it: {error}") from error
    if (found.gateway, found.gateway_seq) != (notary.name, one.seq):
        raise ReceiptFaultError(f"the ledger at {address} proves another statement")
    return receipt


def _place(address: str, statement_hash: bytes) -> int | None:
    """Where the API says that it stands: to be proved."""
    path = f"{address}/v1/ledger/statements/{statement_hash.hex()}"
    try:
        # The scheme is http or https: `checked_address`.
        with urllib.request.urlopen(path, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            found = json.loads(answer.read(_MOST_ANSWER))
        index = found["leaf_index"]
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404:
                return None
        raise WaitingError(f"{address} answers {error.code}: try again later") from error
    except (OSError, http.client.HTTPException, ssl.SSLError) as error:
        raise WaitingError(f"{address} does not answer: {error}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ReceiptFaultError(f"{address} does not answer as the API does") from error
    if index is not None and (type(index) is not int or not 0 <= index < 1 << 63):
        raise ReceiptFaultError(f"{address} names no place in the ledger")
    return index
