"""Erases one rider from an installation, running or stopped, and from the back-ups it made.

Order, and what is true if it ends right after each step:
1. a row says that it is under way and what to look for: done again, it goes on from there;
2. bodies, salts and decoded rows are deleted: the database shows nothing of him any more;
3. outboxes, broker, logs and back-ups are gone through: nothing of him but in free pages;
4. the row forgets whom it was about, the file is written anew, the row says finished.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from fleet_backend.fleet import gateways
from fleet_backend.fleet import trace as traces
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import FleetError
from fleet_backend.fleet.trace import Trace
from trifleet.backups import backup
from trifleet.backups.backup import BackupFolder
from trifleet.errors import PrivacyError
from trifleet.layout import Layout
from trifleet.privacy import erase_database, erase_files
from trifleet.privacy.keeping import one_at_a_time, stack_lock

Say = Callable[[str, str], None]
LEAST_CHARS = 8
ALWAYS_BEYOND = (
    "receipts that were handed out, and what a phone keeps: they are the rider's",
    "vehicles: the flash of each that was ridden may hold its last records and codes",
    "copies of this folder or of back-ups that something else made",
)


@dataclass
class Report:
    """What was deleted, and what this program cannot reach."""

    rider: str
    deleted: Counter[str] = field(default_factory=Counter)
    not_reached: list[str] = field(default_factory=list)


def resolve(database: Database, text: str) -> bytes:
    """The thumbprint that a rider's name stands for: all of it, or a beginning that fits one.

    Raises PrivacyError.
    """
    name = text.strip().lower().rstrip(".")
    if not name or set(name) - set("0123456789abcdef") or len(name) > 64:
        raise PrivacyError("a rider is named by the thumbprint of the key: hexadecimal digits")
    if len(name) == 64:
        return bytes.fromhex(name)
    if len(name) < LEAST_CHARS:
        raise PrivacyError(f"give at least {LEAST_CHARS} digits of the thumbprint")
    with database.read() as connection:
        found = [one for one in traces.holders(connection) if one.hex().startswith(name)]
    if len(found) != 1:
        how = "no rider" if not found else f"{len(found)} riders"
        raise PrivacyError(f"{how} here whose thumbprint begins with {name}: give all 64 digits")
    return found[0]


def erase(layout: Layout, rider: str, say: Say, *, even_riding: bool = False) -> Report:
    """Erase a rider. Raises TrifleetError, FleetError; do it again then, it goes on."""
    with one_at_a_time(layout), closing(erase_database.open_own(layout)) as database:
        thumbprint = resolve(database, rider)
        report = Report(thumbprint.hex())
        found, counts = erase_database.erase_rows(database, thumbprint, even_riding=even_riding)
        assert found.trace is not None
        report.deleted += counts
        say("database", _told(counts))
        with stack_lock(layout) as stopped:
            _erase_files(layout, found.trace, report, running=not stopped)
        say("files", "logs, outboxes and the broker's store")
        for folder in backup.places(layout):
            _erase_backup(layout, folder, thumbprint, report)
            say("back-up", str(folder.root))
        report.deleted += erase_database.end(database, found)
        report.not_reached += ALWAYS_BEYOND
        say("finished", "the database was written anew")
    return report


def _erase_files(layout: Layout, trace: Trace, report: Report, *, running: bool) -> None:
    report.deleted["lines of logs"] += erase_files.blank_logs(layout, trace)
    report.deleted["bus logs"] += erase_files.empty_bus_logs(layout, trace)
    report.deleted["grants in the issuer's journal"] += erase_files.drop_journal(layout, trace)
    if not erase_files.empty_broker(layout, running=running):
        report.not_reached.append("the broker's store: it is emptied at its next start")
    here = set()
    for gateway, waiting in erase_files.rewrite_outboxes(layout):
        here.add(gateway)
        if waiting:
            report.not_reached.append(
                f"gateway {gateway}: {waiting} statements wait in its outbox; what they tell of"
                " the rider is deleted the day it arrives, or by erasing again"
            )
    report.not_reached += _gateways_elsewhere(layout, here)


def _gateways_elsewhere(layout: Layout, here: set[str]) -> list[str]:
    with closing(erase_database.open_own(layout)) as database, database.read() as reading:
        known = gateways.all_gateways(reading)
    away = [one.id for one in known if one.kind == gateways.GATEWAY and one.id not in here]
    return [
        f"gateway {name}: its disk is not here; what it had delivered is wiped there within a"
        " minute, what it has not yet is deleted the day it arrives"
        for name in away
    ]


def _erase_backup(layout: Layout, folder: BackupFolder, thumbprint: bytes, report: Report) -> None:
    if not folder.root.is_dir():
        report.not_reached.append(f"back-up {folder.root}: not there; delete it where it is now")
        return
    if not folder.is_whole:
        # Its making was cut short: half a database cannot be searched, and serves nobody.
        for path in folder.root.glob("fleet.db*"):
            path.unlink()
        backup.forget_place(layout, folder)
        report.deleted["back-ups that were not finished"] += 1
        return
    try:
        counts = erase_database.erase_in_copy(folder.database, thumbprint)
    except (FleetError, PrivacyError, OSError) as error:
        report.not_reached.append(f"back-up {folder.root}: {error}")
        return
    report.deleted["rows of back-ups"] += counts.total()


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "nothing"
