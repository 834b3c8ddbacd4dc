"""Two vehicles with samples as the ingest stores them, for tests of spans and ranges."""

from typing import Any

from sqlalchemy import Connection, insert

from fleet_backend.fleet import engine, rollups, schema

HOUR = 1_790_000_000 // 3_600 * 3_600
LATER = HOUR + 3_600 + rollups.SETTLE_S
DAY_LATER = HOUR + 86_400


def add_vehicles(connection: Connection) -> None:
    """trike-1 and trike-2, and a statement for their samples."""
    gateway = {"id": "gw-1", "public_key": bytes(32), "kind": "gateway", "added": 1}
    connection.execute(insert(schema.gateways).values(gateway))
    for name in ("trike-1", "trike-2"):
        key = name.encode()
        vehicle = {
            "id": name, "gateway": "gw-1", "owner_thumbprint": key, "record_key": key,
            "key_fingerprint": key, "added": 1,
        }  # fmt: skip
        connection.execute(insert(schema.vehicles).values(vehicle))
    statement = (1, "gw-1", 1, bytes(32), bytes(32), 1, 1, 1, b"s", False)
    engine.batch(connection).insert_statements(connection, [statement])


def put(
    connection: Connection, seqs: Any, start: int = HOUR, vehicle: str = "trike-1", boot: int = 1
) -> None:
    """One sample a second, as the ingest stores them. `speed_mmps` is the number."""
    rows = []
    for seq in seqs:
        measured: dict[str, int] = {
            "speed_mmps": seq, "odometer_m": 1_000 + seq, "soc_permille": 900 - seq,
            "lat_e7": 480_000_000 + seq, "lon_e7": 20_000_000 + seq, "pack_mv": 51_000,
        }  # fmt: skip
        values = [measured.get(name) for name in schema.MEASURED]
        rows.append((vehicle, boot, seq, 1, start + seq, start + seq, *values))
    engine.batch(connection).insert_samples(connection, rows)
    rollups.mark(connection, [(row[0], row[4]) for row in rows], DAY_LATER)


def settle(connection: Connection, now: int = LATER) -> int:
    """Steps until nothing is due; returns how many hours were computed."""
    total = 0
    while done := rollups.step(connection, now):
        total += done
    return total
