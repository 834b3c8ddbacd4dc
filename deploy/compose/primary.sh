#!/bin/sh
# Runs once, in the primary's first start: the standby may copy and follow it, with the password.
set -eu
echo "host replication trifleet samenet scram-sha-256" >> "$PGDATA/pg_hba.conf"
