"""How large a published checkpoint says that its log is."""

from fleet_backend.ledger.checkpoint import parse_checkpoint
from fleet_backend.ledger.errors import UntrustedDataError
from fleet_backend.ledger.note import parse_note


def size_of(unverified_note: bytes) -> int:
    """Its size; -1 for bytes that are no checkpoint, which any checkpoint may replace."""
    try:
        return parse_checkpoint(parse_note(unverified_note).text).size
    except UntrustedDataError:
        return -1
