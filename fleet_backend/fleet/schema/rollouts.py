"""Roll-outs of releases, and what each vehicle has and shall have."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text

from fleet_backend.fleet.schema.base import metadata, time_

# `digest` names the release, `target` its bundle in the repository. `waves` counts them, `wave` is
# the last one that is open; `revision` counts the changes, so that two writers notice each other.
rollouts = Table(
    "rollouts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("target", Text, nullable=False),
    Column("board", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("waves", BigInteger, nullable=False),
    Column("failures_most", BigInteger, nullable=False),
    Column("wave", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    time_("created"),
    time_("updated"),
)
# `gateway_*` and `permille` are the gateway's word; `stage`, `code`, `boot` and `seq` are the
# vehicle's own record, which alone ends an update.
rollout_vehicles = Table(
    "rollout_vehicles",
    metadata,
    Column("rollout", Text, ForeignKey("rollouts.id"), primary_key=True),
    Column("vehicle", Text, ForeignKey("vehicles.id"), primary_key=True),
    Column("wave", BigInteger, nullable=False),
    Column("gateway_state", BigInteger),
    Column("gateway_code", BigInteger),
    Column("permille", BigInteger),
    Column("gateway_time", BigInteger),
    Column("stage", BigInteger),
    Column("code", BigInteger),
    Column("boot", BigInteger),
    Column("seq", BigInteger),
    Column("recorded", BigInteger),
)
Index("rollout_vehicles_by_vehicle", rollout_vehicles.c.vehicle)
# The release that a vehicle confirmed last, by its own record.
vehicle_releases = Table(
    "vehicle_releases",
    metadata,
    Column("vehicle", Text, ForeignKey("vehicles.id"), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    time_("confirmed"),
)
