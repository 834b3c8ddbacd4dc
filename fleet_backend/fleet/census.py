"""Totals of the whole installation, for /metrics: numbers only, nothing about anyone."""

from dataclasses import dataclass

from sqlalchemy import Column, Connection, Table, func, select

from fleet_backend.fleet import gateways, quarantine, statements
from fleet_backend.fleet.schema import commands, gateway_status, records, telemetry
from fleet_backend.fleet.schema import gateways as gateway_table
from protocol import record


@dataclass(frozen=True)
class Census:
    """Counts at one moment."""

    statements: int
    logged: int
    records: dict[int, int]  # by kind
    refusals: dict[int, int]  # by code
    quarantined: dict[str, int]  # by reason
    commands: dict[str, int]  # by state
    gateways: int
    online: int


def take(connection: Connection) -> Census:
    """Count everything."""
    stored, logged = statements.count(connection)
    by_kind = _count_by(connection, records, records.c.kind)
    samples = connection.execute(select(func.count()).select_from(telemetry)).scalar() or 0
    code = records.c.body["code"].as_integer()
    refused = select(code, func.count()).where(records.c.kind == record.REFUSAL).group_by(code)
    kind = gateway_table.c.kind == gateways.GATEWAY
    known = connection.execute(select(func.count()).where(kind)).scalar() or 0
    # A notary is online for as long as it sends, which says nothing about vehicles.
    both = gateway_status.join(gateway_table, gateway_table.c.id == gateway_status.c.gateway)
    online = select(func.count()).select_from(both).where(kind, gateway_status.c.online.is_(True))
    return Census(
        stored,
        logged,
        {**by_kind, record.TELEMETRY: samples},
        {row[0]: row[1] for row in connection.execute(refused)},
        quarantine.count_by_reason(connection),
        _count_by(connection, commands, commands.c.state),
        known,
        connection.execute(online).scalar() or 0,
    )


def _count_by(connection: Connection, table: Table, column: "Column[object]") -> dict:  # type: ignore[type-arg]
    query = select(column, func.count()).select_from(table).group_by(column)
    return {row[0]: row[1] for row in connection.execute(query)}
