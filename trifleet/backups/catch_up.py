"""Takes what a log has beyond a back-up into the database: statements, without their contents.

The log holds who signed, when, and a commitment. Salt and content were in the database that is
lost; unless a gateway still has them, they are gone, and receipts say so as after an erasure.
"""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection

from fleet_backend.fleet import gaps, gateways, statements
from fleet_backend.fleet.statements import NewStatement
from fleet_backend.ingest.acceptance import FUTURE_S
from protocol import statement as wire
from protocol.errors import ProtocolError
from trifleet.errors import BackupError


def add(connection: Connection, entries: Sequence[bytes], now: int) -> None:
    """Entries of the log that the database has no statement of. Raises BackupError."""
    known = {one.id for one in gateways.all_gateways(connection)}
    before: int | None = None
    stored: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for entry in entries:
        new = _new(entry, known, now)
        number = statements.insert_sealed(connection, new, now)
        before = number - 1 if before is None else before
        stored[new.gateway].append((new.seq, new.seq))
    ranges = {name: sorted(numbers) for name, numbers in stored.items()}
    gaps.note(connection, ranges, before or 0, now)


def _new(entry: bytes, known: set[str], now: int) -> NewStatement:
    try:
        # Its signature was checked before it came into the log, which is proved here.
        claim = wire.decode_unverified(entry)
    except ProtocolError as error:
        raise BackupError(f"an entry of the log is no statement: {error}") from error
    if claim.gateway not in known:
        raise BackupError(
            f"the log has statements of {claim.gateway!r}, which was registered after the back-up"
            " was made: a newer back-up is needed"
        )
    return NewStatement(
        claim.gateway,
        claim.seq,
        statements.hash_of(entry),
        claim.prev_hash,
        claim.kind,
        claim.time,
        entry,
        b"",
        b"",
        claim.time > now + FUTURE_S,
    )
