"""The tables, divided by what they are about.

A change here is a new migration as well: a test holds that both ways lead to the same schema.
"""

from fleet_backend.fleet.schema.base import VERSION, metadata
from fleet_backend.fleet.schema.enrolment import (
    enrolments,
    gateway_keys,
    gateway_revocations,
)
from fleet_backend.fleet.schema.gaps import gaps
from fleet_backend.fleet.schema.ledger import leases, ledger_heads
from fleet_backend.fleet.schema.operations import counters, events, gateway_status, schema_version
from fleet_backend.fleet.schema.people import (
    challenges,
    commands,
    delegations,
    erasures,
    gateways,
    grants,
    idempotency,
    riders,
    vehicles,
)
from fleet_backend.fleet.schema.rollouts import rollout_vehicles, rollouts, vehicle_releases
from fleet_backend.fleet.schema.statements import (
    bodies,
    disagreements,
    quarantine,
    records,
    sightings,
    statements,
)
from fleet_backend.fleet.schema.telemetry import (
    AVERAGED,
    MEASURED,
    NEWEST,
    POSITION,
    partitioned_telemetry,
    rollups_due,
    telemetry,
    telemetry_1h,
    telemetry_1min,
    telemetry_1s,
    vehicle_state,
)
from fleet_backend.fleet.schema.workshop import work_orders

__all__ = [
    "AVERAGED",
    "MEASURED",
    "NEWEST",
    "POSITION",
    "VERSION",
    "bodies",
    "challenges",
    "commands",
    "counters",
    "delegations",
    "disagreements",
    "enrolments",
    "erasures",
    "events",
    "gaps",
    "gateway_keys",
    "gateway_revocations",
    "gateway_status",
    "gateways",
    "grants",
    "idempotency",
    "leases",
    "ledger_heads",
    "metadata",
    "partitioned_telemetry",
    "quarantine",
    "records",
    "riders",
    "rollout_vehicles",
    "rollouts",
    "rollups_due",
    "schema_version",
    "sightings",
    "statements",
    "telemetry",
    "telemetry_1h",
    "telemetry_1min",
    "telemetry_1s",
    "vehicle_releases",
    "vehicle_state",
    "vehicles",
    "work_orders",
]
