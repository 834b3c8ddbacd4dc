"""Numbers that are missing in the chains of gateways, for the operator."""

from typing import Literal

from fastapi import APIRouter, Depends

from fleet_backend.api import cursors, items, models
from fleet_backend.api.auth import require_operator
from fleet_backend.api.routes.common import Cursor, Limit
from fleet_backend.api.services import Use
from fleet_backend.fleet import gaps

router = APIRouter(prefix="/v1/fleet", tags=["fleet"], dependencies=[Depends(require_operator)])
_OPEN = {"open": True, "filled": False, "all": None}


@router.get("/gaps")
def list_gaps(
    services: Use,
    state: Literal["open", "filled", "all"] = "open",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> models.Gaps:
    """Ranges of statements that a gateway made and that did not come, newest first.

    One that is filled within half a minute was an overtaking, and is not kept.
    """
    before = cursors.number(cursor)
    with services.database.read() as connection:
        rows = gaps.page(connection, before, limit + 1, is_open=_OPEN[state])
    shown = [items.gap(row) for row in rows[:limit]]
    return models.Gaps(items=shown, next=cursors.after(rows, limit, "id"))
