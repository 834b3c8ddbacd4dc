"""The two forms in which a receipt is handed out, and their media types."""

from typing import Literal

from fastapi import Response
from fastapi.responses import PlainTextResponse
from sqlalchemy import Connection

from fleet_backend.api.ledgerview import PublishedLedger

ReceiptForm = Literal["tlog-proof", "cose"]
PROOF_FILE: ReceiptForm = "tlog-proof"
COSE_TYPE = 'application/cose; cose-type="cose-sign1"'


def receipt_answer(
    ledger: PublishedLedger, connection: Connection, leaf_index: int, form: ReceiptForm
) -> Response:
    """The receipt of that leaf. Raises FleetError or LedgerError."""
    if form == PROOF_FILE:
        return PlainTextResponse(ledger.receipt(connection, leaf_index))
    return Response(ledger.cose_receipt(connection, leaf_index), media_type=COSE_TYPE)
