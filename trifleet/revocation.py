"""Revokes a gateway for good: statement key, certificates, open invitation.

Order of writes: the statement key first, because what it signs would be history; then the
certificates, which the broker learns of within a second; then the invitation. A repetition ends
what an interruption left.
"""

import contextlib
import time
from pathlib import Path

from fleet_backend.fleet import gateways
from fleet_backend.fleet.database import open_database
from fleet_backend.registrar.errors import InvitationError
from fleet_backend.registrar.invitations import Invitations
from trifleet.layout import Layout
from trifleet.transport import open_authority


def revoke_gateway(data: Path, name: str) -> str:
    """What was done, for people. Raises FleetError for a name that is no gateway."""
    layout = Layout(data)
    authority = open_authority(layout)
    with contextlib.closing(open_database(layout.database_url)) as database:
        database.check_schema()
        with database.begin() as connection:
            is_new = gateways.revoke(connection, name, int(time.time()))
    gone = authority.revoke(name)
    with contextlib.suppress(InvitationError):  # most have none left
        Invitations(layout.invitations).uninvite(name)
    key = "statement key revoked" if is_new else "statement key was revoked before"
    return f"{name}: {key}, {len(gone)} certificates taken back"
