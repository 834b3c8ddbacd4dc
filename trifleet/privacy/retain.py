"""Retention at once and whole, with the file written anew; the ingest does it daily in pieces."""

import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass

from fleet_backend.fleet import late
from fleet_backend.fleet import retention as rules
from trifleet.backups import backup
from trifleet.errors import BackupError
from trifleet.layout import Layout
from trifleet.privacy import erase_database
from trifleet.privacy.keeping import one_at_a_time, retention


@dataclass(frozen=True)
class Report:
    """What was deleted, and which back-ups still hold what is too old."""

    deleted: Counter[str]
    old_backups: list[str]


def retain(layout: Layout, now: int | None = None) -> Report:
    """Raises TrifleetError, FleetError."""
    moment = int(time.time()) if now is None else now
    settings = retention(layout)
    counts: Counter[str] = Counter()
    with one_at_a_time(layout), closing(erase_database.open_own(layout)) as database:
        while True:
            with database.begin() as connection:
                deleted = rules.retain(connection, settings, moment)
            if not deleted:
                break
            counts += deleted
        counts += late.drop(database)
        database.scrub()
    return Report(counts, _old_backups(layout, moment - _shortest_days(settings) * rules.DAY_S))


def _old_backups(layout: Layout, before: int) -> list[str]:
    old = []
    for folder in backup.places(layout):
        try:
            if int(backup.read_mark(folder)["made"]) < before:
                old.append(str(folder.root))
        except BackupError:
            continue  # gone, or never finished
    return old


def _shortest_days(settings: rules.RetentionSettings) -> int:
    """From then on a back-up holds positions that are deleted here."""
    return min(settings.telemetry_days, settings.bodies_days)
