"""What gateways saw of logs, for anybody: to compare with the checkpoint that one is shown oneself.

Nothing here needs to be believed: notes carry the log's signature, sightings the gateway's.
"""

from fastapi import APIRouter

from fleet_backend.api import cursors, items, models
from fleet_backend.api.routes.common import Cursor, Limit
from fleet_backend.api.services import Use
from fleet_backend.fleet import sightings

router = APIRouter(prefix="/v1/ledger", tags=["ledger"])


@router.get("/sightings")
def list_sightings(services: Use, cursor: Cursor = None, limit: Limit = 100) -> models.Sightings:
    """The newest of each gateway and log, a page of `limit` gateways."""
    with services.database.read() as connection:
        rows, last = sightings.page(connection, cursors.name(cursor), limit)
    return models.Sightings(items=[items.sighting(row) for row in rows], next=last)


@router.get("/disagreements")
def list_disagreements(
    services: Use, cursor: Cursor = None, limit: Limit = 50
) -> models.Disagreements:
    """Where a log showed a gateway what does not agree with what it had shown; newest first."""
    before = cursors.number(cursor)
    with services.database.read() as connection:
        rows = sightings.disagreements_page(connection, before, limit + 1)
    shown = [items.disagreement(row) for row in rows[:limit]]
    return models.Disagreements(items=shown, next=cursors.after(rows, limit, "id"))
