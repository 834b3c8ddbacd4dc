"""Work orders of a vehicle, newest first. The mechanic's name is in the erasable body alone."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from fleet_backend.fleet.receipts import inflate
from fleet_backend.fleet.schema import bodies, statements, work_orders
from protocol import workorder
from protocol.workorder import WorkOrder


@dataclass(frozen=True)
class WorkOrderRow:
    """`order` is what the notary signed for; None once it was erased. `id` is the statement's."""

    id: int
    notary: str
    seq: int
    vehicle: str
    board: str
    began: int
    ended: int
    release: bytes
    outcome: int
    server_time: int
    leaf_index: int | None
    order: WorkOrder | None


def add(connection: Connection, statement_id: int, order: WorkOrder) -> None:
    """In the transaction that stores the statement."""
    names = ("vehicle", "board", "began", "ended", "release", "outcome")
    row = {name: getattr(order, name) for name in names}
    connection.execute(insert(work_orders).values(statement_id=statement_id, **row))


def of_vehicle(
    connection: Connection, vehicle: str, before: int | None, limit: int
) -> list[WorkOrderRow]:
    """At most `limit`, those below the id `before` where it is given; of a vehicle that the fleet
    does not know as well."""
    own, of_all = work_orders.c, statements.c
    query = (
        select(
            own.statement_id.label("id"), of_all.gateway.label("notary"), of_all.seq, own.vehicle,
            own.board, own.began, own.ended, own.release, own.outcome, of_all.server_time,
            of_all.leaf_index, bodies.c.body,
        )
        .join(statements, of_all.id == own.statement_id)
        .outerjoin(bodies, bodies.c.statement_id == own.statement_id)
        .where(own.vehicle == vehicle)
    )  # fmt: skip
    if before is not None:
        query = query.where(own.statement_id < before)
    rows = connection.execute(query.order_by(own.statement_id.desc()).limit(limit))
    return [_row(dict(row._mapping)) for row in rows]


def _row(found: dict) -> WorkOrderRow:  # type: ignore[type-arg]
    packed = found.pop("body")
    order = None if packed is None else workorder.decode(inflate(packed))
    return WorkOrderRow(**found, order=order)
