"""Work orders of a vehicle, for the operator: who did what to it is nobody else's business."""

from fastapi import APIRouter, Depends

from fleet_backend.api import cursors, items, models
from fleet_backend.api.auth import require_operator
from fleet_backend.api.routes.common import Cursor, Limit, VehicleId
from fleet_backend.api.services import Use
from fleet_backend.fleet import workorders

router = APIRouter(
    prefix="/v1/vehicles", tags=["vehicles"], dependencies=[Depends(require_operator)]
)


@router.get("/{vehicle}/work-orders")
def list_work_orders(
    vehicle: VehicleId, services: Use, cursor: Cursor = None, limit: Limit = 50
) -> models.WorkOrders:
    """Newest first. A vehicle that the fleet does not know yet may have some: it was being made."""
    before = cursors.number(cursor)
    with services.database.read() as connection:
        rows = workorders.of_vehicle(connection, vehicle, before, limit + 1)
    shown = [items.work_order(row) for row in rows[:limit]]
    return models.WorkOrders(items=shown, next=cursors.after(rows, limit, "id"))
