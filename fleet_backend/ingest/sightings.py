"""What gateways saw of logs: judged, kept, and asked for an answer.

A gateway's signature is its own word, not the log's: notes are kept as they are, and whoever reads
them verifies them with the log's key. So nothing is taken from here for true about a log.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import Connection

from fleet_backend.fleet import sightings
from fleet_backend.ingest import reasons
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.limits import RateLimit, SightingLimits
from fleet_backend.ingest.verdicts import Refused, Verify
from fleet_backend.ledger.checkpoint import Checkpoint, parse_checkpoint
from fleet_backend.ledger.errors import CheckpointError, ProofError, UntrustedDataError
from fleet_backend.ledger.merkle import verify_consistency
from fleet_backend.ledger.note import parse_note
from protocol import sighting
from protocol.errors import DecodeError, VerifyError
from protocol.sighting import Sighting


class Asked(NamedTuple):
    """A gateway that holds a checkpoint of this size (0: none) and is to be shown the newest."""

    gateway: str
    origin: str
    size: int


@dataclass
class Heard:
    """What the sightings of a batch came to; it counts once the transaction is committed."""

    asked: list[Asked] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class SightingDesk:
    """Takes sightings at the pace that each gateway may have. One thread."""

    def __init__(self, limits: SightingLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._rate = RateLimit(limits, clock)

    def take(
        self, connection: Connection, message: Message, verify: Verify, heard: Heard, now: int
    ) -> Refused | None:
        """Keep one sighting of a registered gateway; the refusal where it is none."""
        if not self._rate.take(message.gateway):
            heard.counts["ingest_sightings_too_fast"] += 1
            return None
        try:
            found = sighting.open_sighting(message.payload, verify)
        except VerifyError as error:
            return Refused(message.gateway, None, reasons.SIGHTING_SIGNATURE, str(error))
        except DecodeError as error:
            return Refused(message.gateway, None, reasons.SIGHTING, str(error))
        if found.gateway != message.gateway:
            detail = f"sighting of {found.gateway}"
            return Refused(message.gateway, None, reasons.WRONG_GATEWAY, detail)
        try:
            self._keep(connection, message, found, heard, now)
        except UntrustedDataError as error:
            detail = str(error)[:200]
            return Refused(message.gateway, None, reasons.SIGHTING, detail, authentic=True)
        return None

    def _keep(
        self, connection: Connection, message: Message, found: Sighting, heard: Heard, now: int
    ) -> None:
        held = _read(found.held, found.origin) if found.held else None
        heard.counts["ingest_sightings"] += 1
        if held is not None and found.refused:
            _require_disagreement(held, _read(found.refused, found.origin), found)
            self._keep_disagreement(connection, message, found, heard, now)
            return
        if held is not None:
            self._put(connection, message, found, held.size, heard, now)
        asked = Asked(found.gateway, found.origin, held.size if held is not None else 0)
        heard.asked.append(asked)

    def _put(
        self,
        connection: Connection,
        message: Message,
        found: Sighting,
        size: int,
        heard: Heard,
        now: int,
    ) -> None:
        others = sightings.count_origins(connection, found.gateway, found.origin)
        if others >= self._limits.logs:
            heard.counts["ingest_sightings_not_kept"] += 1
            return
        seen = sightings.Seen(
            found.gateway, found.origin, size, found.time, found.held, message.payload
        )
        if not sightings.put(connection, seen, now):
            heard.counts["ingest_sightings_older"] += 1

    def _keep_disagreement(
        self, connection: Connection, message: Message, found: Sighting, heard: Heard, now: int
    ) -> None:
        kept = sightings.count_disagreements(connection, found.gateway)
        if kept >= self._limits.disagreements:
            heard.counts["ingest_disagreements_not_kept"] += 1
            return
        new = sightings.Disagreement(
            found.gateway,
            found.origin,
            sha256(found.refused).digest(),
            found.time,
            found.held,
            found.refused,
            message.payload,
        )
        if sightings.add(connection, new, now) is not None:
            heard.counts["ingest_disagreements"] += 1


def _read(note: bytes, origin: str) -> Checkpoint:
    """What a note says; who signed it is not looked at. Raises NoteError or CheckpointError."""
    found = parse_checkpoint(parse_note(note).text)
    if found.origin != origin:
        raise CheckpointError(f"a checkpoint of {found.origin!r}, sent as {origin!r}")
    return found


def _require_disagreement(held: Checkpoint, refused: Checkpoint, found: Sighting) -> None:
    """Refuse what is none: one root for one size, or a proof that holds. Raises CheckpointError."""
    if refused.size < held.size:
        return
    proof = found.proof if refused.size > held.size else []  # one size needs no proof
    try:
        verify_consistency(held.size, refused.size, held.root, refused.root, proof)
    except ProofError:
        return
    raise CheckpointError("the two checkpoints agree")
