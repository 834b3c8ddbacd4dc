"""Takes what was deleted out of PostgreSQL's tables for good.

VACUUM alone leaves the bytes of a deleted row in its page until something is written over them, and
samples of values in the planner's statistics. So the tables are written anew and analysed again.
"""

from sqlalchemy import Engine

# Whatever an erasure or the daily run deletes from.
TABLES = (
    "riders", "grants", "commands", "records", "events", "idempotency", "quarantine", "erasures",
    "bodies", "telemetry", "telemetry_1s", "telemetry_1min", "telemetry_1h",
)  # fmt: skip


def rewrite(engine: Engine) -> None:
    """VACUUM FULL, a table or partition after the other; each is locked while it is written."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # It takes as long as it takes, and waits for who is in the table.
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql("SET lock_timeout = 0")
        for table in TABLES:
            connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table}")
        connection.invalidate()  # its settings are nobody else's
