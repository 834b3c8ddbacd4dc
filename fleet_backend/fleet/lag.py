"""How far the log is behind what is stored, for whoever watches."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from fleet_backend.fleet.schema import statements


@dataclass(frozen=True)
class Lag:
    """Times are Unix seconds of the server's clock; 0 where there is none."""

    newest: int  # when the newest statement was stored
    oldest_unlogged: int  # when the oldest one was that has no place in the log


def take(connection: Connection) -> Lag:
    """Cheap: the end of one index each."""
    stored = statements.c.server_time
    newest = select(stored).order_by(statements.c.id.desc()).limit(1)
    waiting = select(func.min(stored)).where(statements.c.leaf_index.is_(None))
    return Lag(connection.execute(newest).scalar() or 0, connection.execute(waiting).scalar() or 0)
