"""All that is particular to PostgreSQL: the same file names as in `sqlite`."""
