"""What is held, where, why and for how long: the one table, and the run that keeps to it.

docs/privacy.md shows this table. Statements and the ledger are not in the run: they are what proofs
rest on, and hold commitments alone.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, or_, select, tuple_

from fleet_backend.fleet.schema import (
    bodies,
    commands,
    events,
    grants,
    idempotency,
    quarantine,
    records,
    riders,
    statements,
    telemetry,
    vehicles,
)
from fleet_backend.fleet.settings import Bounds

DAY_S = 86_400
_LONGEST_DAYS = 36_500
_Days = Annotated[int, Bounds(1, _LONGEST_DAYS)]
# A transaction deletes so many rows at most: whoever else writes does not wait long.
PIECE = 2_000


@dataclass(frozen=True)
class RetentionSettings:
    """Days; the table `[retention]` of the installation's privacy.toml."""

    telemetry_days: _Days = 90
    bodies_days: _Days = 90
    records_days: _Days = 365
    commands_days: _Days = 90
    grants_days: _Days = 90
    events_days: _Days = 7
    repeats_days: _Days = 1
    refused_days: _Days = 180
    riders_days: _Days = 730


@dataclass(frozen=True)
class Kind:
    """A kind of data. `days` names the setting; where it is empty `until` says what ends it."""

    name: str
    where: str
    what: str
    why: str
    days: str = ""
    until: str = ""


KINDS = (
    Kind(
        "riders", "table `riders`", "public key, its thumbprint, when it registered",
        "to check what the rider signs", "riders_days",
    ),
    Kind(
        "grants", "table `grants`", "signed request, vehicle, chain of grants, outcome",
        "to hand the grant out, to refuse a request that comes twice", "grants_days",
    ),
    Kind(
        "commands", "table `commands`", "presentation with the rider's key, vehicle, outcome",
        "to carry the command to the vehicle and tell what became of it", "commands_days",
    ),
    Kind(
        "records", "table `records`", "what vehicles did: lock states, answers and refusals with "
        "the names of commands and grants, faults",
        "to show what happened, to settle who had a vehicle when", "records_days",
    ),
    Kind(
        "telemetry", "table `telemetry`", "speed, position, battery of each vehicle by time",
        "to find vehicles, to look into faults and accidents", "telemetry_days",
    ),
    Kind(
        "bodies", "table `bodies`", "salt and content of each statement: records as they were "
        "sealed, grants as they were signed",
        "to make receipts, to prove what a statement says", "bodies_days",
    ),
    Kind(
        "events", "table `events`", "what the live pages are told: reports with positions, records",
        "for a page that lost its connection; the newest 10,000 at most", "events_days",
    ),
    Kind(
        "repeats", "table `idempotency`", "answers of the API to requests with an effect",
        "so that a repeated request has its effect once", "repeats_days",
    ),
    Kind(
        "refused", "table `quarantine`", "messages of gateways that were refused, whole",
        "to look into faults and forgeries", "refused_days",
    ),
    Kind(
        "vehicle state", "table `vehicle_state`", "the newest report of each vehicle: where it is",
        "to find vehicles", until="the vehicle's next report",
    ),
    Kind(
        "challenges", "table `challenges`", "the number that a vehicle's next command is bound to",
        "to unlock without a round trip", until="two minutes, or its use",
    ),
    Kind(
        "erasures", "table `erasures`", "digests of riders who were erased and of their grants, "
        "places of their rides in vehicles' counts; nothing names anybody",
        "to erase again what an offline gateway or an old back-up brings back",
        until="the end of the installation",
    ),
    Kind(
        "sightings", "tables `sightings`, `disagreements`", "checkpoints of the log that gateways "
        "saw, signed by them; nothing of riders or vehicles",
        "so that everybody can tell whether the log shows everybody the same",
        until="the next sighting; a disagreement, the end of the installation",
    ),
    Kind(
        "statements", "table `statements`, folder `ledger/`", "who signed, number, time, kind and "
        "a commitment; no content",
        "every proof rests on them", until="the end of the log: they are public",
    ),
    Kind(
        "fleet", "tables `vehicles`, `gateways`, `delegations`, `gateway_status`, "
        "`gateway_revocations`, `counters`",
        "vehicles, gateways and their keys, owners' thumbprints, totals", "to run the fleet",
        until="the end of the installation",
    ),
    Kind(
        "enrolments", "table `enrolments`", "sealed requests of new gateways, and the answers",
        "to hand a new gateway its certificate", until="a day; that there was one, a month",
    ),
    Kind(
        "issuer's journal", "folder `issuer/journal/`", "grants that were signed and are not "
        "handed out yet", "so that none is issued unseen", until="two minutes",
    ),
    Kind(
        "broker's store", "folder `broker/store/`", "messages on their way, as they travel",
        "so that a short interruption costs nothing",
        until="delivery; their bytes until the store is emptied (at an erasure)",
    ),
    Kind(
        "logs", "folder `logs/`", "what the programs did; names of grants and commands",
        "to look into faults", until="the operator deletes them; an erasure blanks lines",
    ),
    Kind(
        "bus logs", "files `vehicles/*/can.log*`, with `--can-log` only", "every frame on a "
        "vehicle's bus", "for developers",
        until="32 MB a vehicle; an erasure empties those of the vehicles that were ridden",
    ),
    Kind(
        "back-ups", "folders made by `trifleet backup`", "the database and the ledger",
        "to recover from the loss of a disk", until="the operator deletes them; an erasure "
        "rewrites them",
    ),
    Kind(
        "outbox", "on each gateway", "statements with their content",
        "so that nothing is lost on the way", until="the backend's acknowledgement",
    ),
    Kind(
        "vehicle's journal", "on each vehicle's flash", "records, deposited hashes of codes",
        "so that nothing is lost on the way",
        until="the gateway has it on disk; the bytes until the flash is written over",
    ),
)  # fmt: skip

Rows = Callable[[int], "ColumnElement[bool]"]


def retain(connection: Connection, settings: RetentionSettings, now: int) -> Counter[str]:
    """One piece of each kind that is older than it may be; empty when nothing is left to do."""
    counts: Counter[str] = Counter()
    for name, (table, rows) in _RULES.items():
        days = int(getattr(settings, f"{name}_days"))
        deleted = _delete(connection, table, rows(now - days * DAY_S))
        if deleted:
            counts[name] = deleted
    return counts


def _delete(connection: Connection, table: Table, old: "ColumnElement[bool]") -> int:
    key = tuple_(*table.primary_key.columns)
    # The rows are chosen first: SQLite has no DELETE with a LIMIT.
    doomed = select(*table.primary_key.columns).where(old).limit(PIECE)
    return connection.execute(delete(table).where(key.in_(doomed))).rowcount


def _old_bodies(before: int) -> "ColumnElement[bool]":
    """Of the oldest ones that are left: millions are not looked through to find none."""
    oldest = select(bodies.c.statement_id).order_by(bodies.c.statement_id).limit(PIECE)
    old = select(statements.c.id).where(
        statements.c.id.in_(oldest), statements.c.server_time < before
    )
    return bodies.c.statement_id.in_(old)


def _old_samples(before: int) -> "ColumnElement[bool]":
    """Old by both clocks, so that the index by time finds them; or with a time that cannot be."""
    past = telemetry.c.time.between(0, before - 1)
    future = telemetry.c.time > before + _LONGEST_DAYS * DAY_S
    return and_(
        telemetry.c.vehicle.in_(select(vehicles.c.id)),
        or_(past, future),
        telemetry.c.server_time < before,
    )


def _old_records(before: int) -> "ColumnElement[bool]":
    """One that a command was answered by goes with the command."""
    used = select(commands.c.record_id).where(commands.c.record_id.is_not(None))
    return and_(records.c.server_time < before, records.c.id.not_in(used))


def _idle_riders(before: int) -> "ColumnElement[bool]":
    """Registered long ago and without a grant that is kept; who comes back registers again."""
    return and_(riders.c.added < before, riders.c.thumbprint.not_in(select(grants.c.holder)))


# By the server's clock: a vehicle's may be wrong. In this order, because commands hold records.
_RULES: dict[str, tuple[Table, Rows]] = {
    "telemetry": (telemetry, _old_samples),
    "bodies": (bodies, _old_bodies),
    "commands": (commands, lambda before: commands.c.updated < before),
    "records": (records, _old_records),
    "riders": (riders, _idle_riders),
    "grants": (grants, lambda before: grants.c.updated < before),
    "events": (events, lambda before: events.c.created < before),
    "repeats": (idempotency, lambda before: idempotency.c.created < before),
    "refused": (quarantine, lambda before: quarantine.c.server_time < before),
}


def lasts(kind: Kind, settings: RetentionSettings) -> str:
    """How long a kind is kept, in words."""
    if not kind.days:
        return kind.until
    days = int(getattr(settings, kind.days))
    return f"{days} days" if days > 1 else "1 day"


def as_markdown(settings: RetentionSettings) -> str:
    """The table as docs/privacy.md shows it."""
    lines = ["| kind | where | what | why | how long |", "|---|---|---|---|---|"]
    for kind in KINDS:
        setting = f" (`{kind.days}`)" if kind.days else ""
        how_long = lasts(kind, settings) + setting
        lines.append(f"| {kind.name} | {kind.where} | {kind.what} | {kind.why} | {how_long} |")
    return "\n".join(lines) + "\n"
