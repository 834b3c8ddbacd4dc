"""Writes what is held about one rider into a new folder: JSON, receipts, and an explanation."""

import json
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from fleet_backend.fleet import chains, receipts, subject_access, trace
from fleet_backend.fleet.errors import NotLoggedError
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from protocol import cose, presentation, request
from protocol.command import NAMES
from protocol.errors import DecodeError
from protocol.presentation import SignedGrant
from trifleet.backups import backup
from trifleet.errors import PrivacyError
from trifleet.layout import Layout, is_vacant, make_folder, write_private
from trifleet.privacy import erase_database, erase_files
from trifleet.privacy.erase import resolve

EXPLAINED = {
    "riders": "your public key, the thumbprint that names you, and when you registered",
    "grants": "what you asked for: the signed request, the vehicle, what came of it, and the chain"
    " of grants that was handed to you",
    "commands": "what you sent to vehicles: the signed presentation, its state, the vehicle's"
    " answer",
    "rides": "your rides, from the vehicle's answer to your unlock until it was locked, by the"
    " vehicle's own count of restarts and records",
    "records": "what vehicles recorded during your rides, and their answers to your commands",
    "telemetry": "what vehicles measured during your rides, positions included"
    " (lat_e7 and lon_e7 are degrees times 10,000,000)",
    "spans": "the same in spans of a second, a minute and an hour that lie within your rides:"
    " least, greatest, mean or newest value; those of a second alone say where you were",
    "statements": "the signed statements that brought all this, with the salt and content that"
    " each commits to; `shared` is true where the content also tells of somebody else and is"
    " therefore left out",
    "events": "what the live pages were told of it",
    "quarantine": "messages about you that were refused, and why",
    "idempotency": "answers of the API that are kept in case you repeat a request",
    "erasures": "whether you were erased before; it holds digests only",
}


def export(layout: Layout, rider: str, target: Path) -> dict[str, int]:
    """Write everything about a rider; returns file -> number of entries.

    Raises PrivacyError, FleetError, LedgerError.
    """
    if not is_vacant(target):
        raise PrivacyError(f"{target} is not a new or empty folder")
    with closing(erase_database.open_own(layout)) as database:
        thumbprint = resolve(database, rider)
        with database.read() as connection:
            found = trace.find(connection, thumbprint)
            make_folder(target)  # not before it is known that there is something to write
            tables = subject_access.collect(connection, found)
            count = _write_receipts(layout, connection, tables["statements"], target / "receipts")
    _explain(tables)
    for name, items in tables.items():
        _write(target / f"{name}.json", items)
    logs = erase_files.lines_of(layout, found)
    _write(target / "logs.json", logs)
    write_private(target / "policy.txt", layout.policy.read_bytes())
    counts = {f"{name}.json": len(items) for name, items in tables.items()}
    counts |= {"logs.json": len(logs), "receipts/": count}
    write_private(target / "README.txt", _readme(layout, thumbprint.hex(), counts).encode())
    return counts


def _write_receipts(layout: Layout, connection: Any, items: list[Any], target: Path) -> int:
    """One file for each of his statements in the ledger, which `trifleet ledger verify` reads."""
    logs = parse_policy(layout.policy.read_bytes()).logs
    reader = LedgerReader(FolderFetch(layout.ledger / "public"), logs[0])
    count = 0
    for item in items:
        if item["shared"] or item["leaf_index"] is None:
            continue
        try:
            text = receipts.build(connection, item["leaf_index"], reader)
        except NotLoggedError:
            continue
        write_private(target / f"{item['leaf_index']}.receipt", text.encode())
        count += 1
    return count


def _explain(tables: dict[str, list[Any]]) -> None:
    """Put what signed documents say beside them."""
    for item in tables["grants"]:
        item["asked"] = _asked(bytes.fromhex(item["request"]))
        item["granted"] = [_grant(one) for one in _chain(item["chain"])]
    for item in tables["commands"]:
        item["action_name"] = NAMES.get(item["action"])
        item["grants"] = _presented(bytes.fromhex(item["presentation"]))


def _asked(data: bytes) -> dict[str, Any] | None:
    try:
        payload, _ = cose.split(data, cose.PS256, "request")
        asked = request.decode_grant_request(payload)
    except DecodeError:
        return None
    return _readable(vars(asked))


def _chain(text: str | None) -> Iterable[bytes]:
    return () if text is None else chains.decode(bytes.fromhex(text)).grants


def _grant(sign1: bytes) -> dict[str, Any]:
    return _readable(vars(SignedGrant(sign1).grant))


def _presented(data: bytes) -> list[dict[str, Any]] | None:
    try:
        return [_readable(vars(one.grant)) for one in presentation.decode(data).grants]
    except DecodeError:
        return None


def _readable(values: dict[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value.hex() if isinstance(value, bytes) else value

    return {name: plain(value) for name, value in values.items()}


def _write(path: Path, items: list[Any]) -> None:
    write_private(path, json.dumps(items, indent=1).encode() + b"\n")


def _readme(layout: Layout, rider: str, counts: dict[str, int]) -> str:
    lines = [
        f"What this installation holds about the rider {rider}.",
        "Times are seconds since 1970 in UTC, bytes are hexadecimal digits, units are in names.",
        "",
    ]
    for name, what in EXPLAINED.items():
        lines.append(f"{name}.json ({counts[f'{name}.json']}): {what}.")
    lines += [
        f"logs.json ({counts['logs.json']}): lines of the programs' logs that name you.",
        f"receipts/ ({counts['receipts/']}): proofs, by place in the ledger. Check one with",
        "  trifleet ledger verify receipts/N.receipt --policy policy.txt",
        "",
        "Not in here: what vehicles and gateways still hold and have not delivered; the bus logs",
        "of vehicles, where they are kept; what the broker holds of messages on their way; what",
        "your own phone keeps; answers of vehicles that are older than what says whose they were;",
        "the ledger itself, which is public and holds commitments only.",
    ]
    kept = [str(folder.root) for folder in backup.places(layout)]
    if kept:
        lines.append(f"Back-ups that hold the same, as it was when they were made: {len(kept)}.")
    return "\n".join(lines) + "\n"
