"""What gateways ask and tell about releases: judged, kept, and asked for an answer.

Not signed; the broker vouches for the topic. So a gateway moves what is shown of its own vehicles,
and gets files that anybody may have: they are signed by their makers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import Connection

from fleet_backend.fleet import releases
from fleet_backend.fleet.settings import Bounds
from fleet_backend.ingest import reasons
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.limits import RateLimit
from fleet_backend.ingest.releasefiles import AskedPiece, AskedWanted, Question
from fleet_backend.ingest.verdicts import KnownVehicle, Refused
from protocol import delivery
from protocol.errors import DecodeError


@dataclass(frozen=True)
class ReleaseLimits:
    """What one gateway may ask and tell. What is beyond is counted, and gets no answer."""

    burst: Annotated[int, Bounds(1, 10_000)] = 100  # at once
    per_s: Annotated[float, Bounds(0, 1_000)] = 40.0  # and then: 320 KiB/s of pieces


class ReleaseDesk:
    """One thread."""

    def __init__(self, limits: ReleaseLimits, clock: Callable[[], float]) -> None:
        self._rate = RateLimit(limits, clock)

    def take(
        self,
        connection: Connection,
        message: Message,
        vehicles: Mapping[str, KnownVehicle],
        now: int,
    ) -> Refused | Question | str:
        """A question to be answered after the commit, a refusal, or the name of a counter."""
        if not self._rate.take(message.gateway):
            return "ingest_releases_too_fast"
        try:
            asked = delivery.decode_up(message.payload)
        except DecodeError as error:
            return Refused(message.gateway, None, reasons.COURIER, f"{message.name}: {error}")
        if asked is None:
            own = [name for name, one in vehicles.items() if one.gateway == message.gateway]
            wants = releases.wanted(connection, own)[: delivery.MAX_WANTED]
            return AskedWanted(message.gateway, tuple(wants))
        if not isinstance(asked, delivery.State):
            return AskedPiece(message.gateway, *asked)
        known = vehicles.get(asked.vehicle)
        if known is None or known.gateway != message.gateway:
            return Refused(message.gateway, None, reasons.COURIER_VEHICLE, asked.vehicle)
        if not releases.heard(connection, asked, now):
            return "ingest_releases_not_wanted"
        return "ingest_releases_told"
