"""What is held, where, why and for how long: the one table, which docs/privacy.md shows."""

from dataclasses import dataclass


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
        "telemetry by second", "table `telemetry_1s`", "the same in spans of a second, with "
        "positions; never longer than the samples themselves", "to draw a ride",
        "telemetry_1s_days",
    ),
    Kind(
        "telemetry by minute", "table `telemetry_1min`", "least, greatest and mean of speed, "
        "voltage, current and temperatures; no position", "to draw days and weeks",
        "telemetry_1min_days",
    ),
    Kind(
        "telemetry by hour", "table `telemetry_1h`", "the same by hour; no position",
        "to draw months, to see batteries age", "telemetry_1h_days",
    ),
    Kind(
        "hours that are due", "table `rollups_due`", "vehicle and hour of samples that are in no "
        "span yet", "to compute the spans", until="an hour and a minute",
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
        "statements", "tables `statements`, `gaps`, `ledger_heads`, `leases`, folder `ledger/`",
        "who signed, number, time, kind and a commitment; no content",
        "every proof rests on them", until="the end of the log: they are public",
    ),
    Kind(
        "fleet", "tables `vehicles`, `gateways`, `delegations`, `gateway_status`, "
        "`gateway_keys`, `gateway_revocations`, `counters`",
        "vehicles, gateways and their keys, owners' thumbprints, totals", "to run the fleet",
        until="the end of the installation",
    ),
    Kind(
        "work orders", "table `work_orders`", "vehicle, board, times, release and outcome of what "
        "a workshop did; the mechanic's name is in the body alone",
        "to show what was done to a vehicle", until="the end of the installation",
    ),
    Kind(
        "roll-outs", "tables `rollouts`, `rollout_vehicles`, `vehicle_releases`",
        "which release each vehicle is to have and has, and how its update went; nothing of riders",
        "to bring releases to vehicles in waves, to stop at failures",
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
        "to look into faults", until="40 MB a program; an erasure blanks lines",
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
        "notary's folder", "in each workshop", "its work orders with the mechanic's name, as they "
        "were signed, and their receipts", "to show what was done, to make receipts",
        until="`trifleet notary forget`",
    ),
    Kind(
        "vehicle's journal", "on each vehicle's flash", "records, deposited hashes of codes",
        "so that nothing is lost on the way",
        until="the gateway has it on disk; the bytes until the flash is written over",
    ),
)  # fmt: skip
