"""What a verified receipt says, in words. Never refuses: the gateway vouches for any bytes."""

import hashlib
from contextlib import suppress
from typing import Any

from fleet_backend.receipts.opening import (
    COSE_START,
    Receipt,
    Unreadable,
    open_cose_receipt,
    open_receipt,
)
from protocol import fault, record, refusal, statement, workorder
from protocol.command import NAMES as ACTIONS
from protocol.errors import DecodeError
from protocol.lock import REASONS, STATES

__all__ = [
    "COSE_START",
    "Receipt",
    "Unreadable",
    "describe",
    "describe_content",
    "open_cose_receipt",
    "open_receipt",
]

UNREADABLE = "UNREADABLE"
GATEWAY_EVENTS = {
    statement.STARTED: "STARTED",
    statement.ATTACHED: "ATTACHED",
    statement.RECORDS_REFUSED: "RECORDS_REFUSED",
    statement.LOG_DISAGREES: "LOG_DISAGREES",
    statement.THINNED: "THINNED",
    statement.CLOCK_JUMPED: "CLOCK_JUMPED",
    statement.KEY_CHANGED: "KEY_CHANGED",
}


def describe_content(found: Receipt) -> dict[str, Any] | None:
    """What a statement holds that holds no records; None for one of records. Never refuses: the
    gateway vouches for any bytes.
    """
    if found.kind == statement.KINDS[statement.RECORDS]:
        return None
    content: dict[str, Any] = {"bytes": found.body.hex()}
    if found.kind == statement.KINDS[statement.GATEWAY]:
        with suppress(DecodeError):
            event, text = statement.decode_gateway_event(found.body)
            content |= {"event": GATEWAY_EVENTS.get(event, event), "text": text}
    if found.kind == statement.KINDS[statement.WORK_ORDER]:
        with suppress(DecodeError):
            content |= {"work_order": workorder.named(workorder.decode(found.body))}
    return content


def describe(entry: record.Record | Unreadable) -> dict[str, Any]:
    """A record in words, for people and for JSON."""
    if isinstance(entry, Unreadable):
        return _describe_unreadable(entry)
    body: dict[str, Any] = {}
    for name, value in entry.named().items():
        body[name] = value.hex() if isinstance(value, bytes) else value
    words = {
        "state": STATES,
        "previous": STATES,
        "action": ACTIONS,
        "code": {record.REFUSAL: refusal.NAMES, record.FAULT: fault.NAMES}.get(entry.kind, {}),
        "node": fault.NODES,
        "reason": REASONS,
        "outcome": {record.DONE: "DONE", record.PENDING: "PENDING"},
    }
    for name, table in words.items():
        if name in body:
            body[name] = table.get(body[name], body[name])
    return {
        "vehicle": entry.vehicle,
        "boot": entry.boot,
        "seq": entry.seq,
        "time": entry.time,
        "uptime_ms": entry.uptime_ms,
        "kind": record.KINDS[entry.kind],
        "body": body,
    }


def _describe_unreadable(entry: Unreadable) -> dict[str, Any]:
    nothing = dict.fromkeys(("vehicle", "boot", "seq", "time", "uptime_ms"))
    body = {
        "position": entry.position,
        "error": entry.error,
        "bytes": len(entry.data),
        "sha256": hashlib.sha256(entry.data).hexdigest(),
    }
    return {**nothing, "kind": UNREADABLE, "body": body}
