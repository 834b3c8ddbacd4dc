"""Brings an older database up to this program's version, step by step, with Alembic.

`schema_version` is what programs look at, those of earlier versions too; Alembic's own table says
the same. All of it happens in one transaction of the caller, who has locked the schema.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, delete, insert, select

from fleet_backend.fleet.errors import DatabaseError
from fleet_backend.fleet.schema import VERSION, schema_version

FOLDER = Path(__file__).resolve().parent / "migrations"


def stamp(connection: Connection) -> None:
    """The tables were just made, as this version has them."""
    command.stamp(_config(connection), str(VERSION))
    _note(connection, VERSION)


def bring_up(connection: Connection, version: int = VERSION) -> None:
    """From the version that is found to `version`; any other is left alone.

    Raises DatabaseError where the two tables do not agree.
    """
    found = connection.execute(select(schema_version.c.version)).scalars().all()
    if len(found) != 1 or not 1 <= found[0] < version:
        return
    stamped = MigrationContext.configure(connection).get_current_heads()
    if not stamped:
        command.stamp(_config(connection), str(found[0]))  # from before there was Alembic
    elif stamped != (str(found[0]),):
        raise DatabaseError(f"the database says that it is of version {found[0]} and {stamped[0]}")
    command.upgrade(_config(connection), str(version))
    _note(connection, version)


def make_version(connection: Connection, version: int) -> None:
    """An empty database becomes one of that version, by the steps alone."""
    command.upgrade(_config(connection), str(version))
    _note(connection, version)


def _note(connection: Connection, version: int) -> None:
    connection.execute(delete(schema_version))
    connection.execute(insert(schema_version).values(version=version))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
