#!/bin/sh
# A copy of db-1 that follows it; docs/deployment.md says how it takes its place.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  pg_basebackup -d "host=db-1 user=trifleet passfile=$PGPASSFILE application_name=db_2" \
    -D "$PGDATA" -R -X stream -C -S db_2 --checkpoint=fast
  chmod 700 "$PGDATA"
fi
exec postgres -c cluster_name=db_2 -c log_min_messages=log -c log_error_verbosity=terse \
  -c log_min_error_statement=panic
