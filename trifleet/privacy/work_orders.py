"""Takes a mechanic's name out of the fleet: the content of one work order, not its row, not its
statement. What proves that there was one stays; what it says is gone.
"""

from contextlib import closing
from dataclasses import dataclass

from fleet_backend.fleet import statements
from fleet_backend.fleet.errors import UnknownError
from protocol import statement
from trifleet.backups import backup
from trifleet.layout import Layout
from trifleet.privacy import erase_database
from trifleet.privacy.keeping import one_at_a_time


@dataclass(frozen=True)
class Report:
    """`is_new` is False where the content was gone already; `backups` may still hold it."""

    is_new: bool
    backups: list[str]


def erase_work_order(layout: Layout, notary: str, number: int) -> Report:
    """Raises UnknownError where this notary has sent no such work order, TrifleetError,
    FleetError. Safe to repeat."""
    with one_at_a_time(layout), closing(erase_database.open_own(layout)) as database:
        with database.begin() as connection:
            found = statements.by_place(connection, notary, number)
            if found.kind != statement.WORK_ORDER:
                raise UnknownError(f"statement {number} of {notary} is no work order")
            is_new = statements.erase_body(connection, found.id)
        database.scrub()
    return Report(is_new, [str(folder.root) for folder in backup.places(layout)])
