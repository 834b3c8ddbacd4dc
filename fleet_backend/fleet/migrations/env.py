"""Alembic's entrance: runs the steps in the transaction that `fleet/migrate.py` has begun."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
