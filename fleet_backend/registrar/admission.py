"""The vehicles of an invitation become their gateway's, in the transaction that registers it.

A vehicle comes with its registration, or is in the database already. One whose gateway was revoked
moves; one whose gateway is good stays with it, and the invitation is refused.
"""

import logging

from sqlalchemy import Connection

from fleet_backend.fleet import vehicles
from fleet_backend.registrar.invitations import Invitation

log = logging.getLogger(__name__)


def may_attach(connection: Connection, invitation: Invitation) -> bool:
    """Is none of its vehicles another gateway's, and none of the keys another vehicle's?"""
    for name in invitation.vehicles:
        known = vehicles.find(connection, name)
        if known is not None and not vehicles.may_assign(connection, known, invitation.gateway):
            return False
    return all(
        vehicles.find_by_key(connection, one.record_key, one.key_fingerprint) in (None, one.vehicle)
        for one in invitation.registrations
    )


def attach(connection: Connection, invitation: Invitation, now: int) -> None:
    """After the gateway is registered. Raises ExistsError, RepeatedKeyError. Safe to repeat."""
    brought = {one.vehicle: one for one in invitation.registrations}
    for name in invitation.vehicles:
        if vehicles.find(connection, name) is not None:
            vehicles.assign(connection, name, invitation.gateway)
        elif new := brought.get(name):
            vehicles.register(
                connection,
                name,
                invitation.gateway,
                new.owner_thumbprint,
                new.record_key,
                new.key_fingerprint,
                now,
            )
        else:
            log.warning("%s is not registered: its records will be set aside", name)
