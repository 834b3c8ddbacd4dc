"""Takes what was deleted out of PostgreSQL's tables for good.

VACUUM alone leaves the bytes of a deleted row in its page until something is written over them, and
samples of values in the planner's statistics. So the tables are written anew and analysed again,
and then the statistics themselves.
"""

import time

from sqlalchemy import Connection, Engine

from fleet_backend.fleet.errors import DatabaseRefusedError

WAIT_S = 60.0
# Whatever an erasure or the daily run deletes from; and `vehicle_state`, where every report leaves
# the place before it behind as a version that nobody sees.
TABLES = (
    "riders", "grants", "commands", "records", "events", "idempotency", "quarantine", "erasures",
    "bodies", "vehicle_state", "telemetry", "telemetry_1s", "telemetry_1min", "telemetry_1h",
)  # fmt: skip
_STATISTICS = "pg_catalog.pg_statistic"
# Sessions, and standbys that report what they read, of a moment before transaction %s.
_OLDER = (
    "SELECT count(*) FROM ("
    " SELECT backend_xmin AS oldest FROM pg_stat_replication"
    " UNION ALL SELECT backend_xmin FROM pg_stat_activity"
    "  WHERE datname = current_database() AND pid <> pg_backend_pid()"
    "  AND query NOT LIKE 'autovacuum: VACUUM%%'"
    ") AS readers WHERE age(oldest) > age(%s::text::xid)"
)


def rewrite(engine: Engine, wait_s: float = WAIT_S) -> None:
    """VACUUM FULL, a table or partition after the other; each is locked while it is written.

    Raises DatabaseRefusedError where somebody reads an older moment for longer than `wait_s`: what
    he may still see would be kept.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # It takes as long as it takes, and waits for who is in the table.
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql("SET lock_timeout = 0")
        try:
            _wait_for_readers(connection, wait_s)
            for table in TABLES:
                connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table}")
            connection.exec_driver_sql(f"VACUUM (FULL) {_STATISTICS}")
        finally:
            connection.invalidate()  # its settings are nobody else's


def _wait_for_readers(connection: Connection, wait_s: float) -> None:
    now = connection.exec_driver_sql("SELECT pg_current_xact_id()::xid::text").scalar_one()
    end = time.monotonic() + wait_s
    while connection.exec_driver_sql(_OLDER, (now,)).scalar_one():
        if time.monotonic() > end:
            raise DatabaseRefusedError(f"a reader stayed at an older moment for {wait_s:.0f} s")
        time.sleep(0.05)
