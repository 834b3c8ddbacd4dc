"""All that is particular to SQLite: the same file names as in `postgres`."""
