"""One file a version, run by `fleet/migrate.py`. Frozen: they never import the present schema."""
