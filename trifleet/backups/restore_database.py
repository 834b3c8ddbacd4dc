"""The database's part of a restore: prepared in a file of its own, then put in its place at once.

Refuses a database that does not tell the same story as the log.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select, update

from fleet_backend.fleet import counters, erasures, statements, transfer
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.erasures import Erasure
from fleet_backend.fleet.errors import FleetError
from fleet_backend.fleet.schema import statements as table
from fleet_backend.fleet.sqlite import snapshot
from fleet_backend.ledger.storage import sync_folder
from fleet_backend.ledger.tree import ProvedTree
from trifleet.backups import catch_up
from trifleet.errors import BackupError
from trifleet.layout import Layout
from trifleet.privacy import erase_database

ENTRIES_AT_ONCE = 500


@dataclass(frozen=True)
class Prepared:
    erased: int
    added: int


def prepare(
    kept: Path, layout: Layout, tree: ProvedTree, erased_in: Sequence[Path], is_complete: bool
) -> Prepared:
    """A copy beside the place of the database, of this program's schema, erased and compared.

    `is_complete`: every entry of the log has to be in it; else what is missing is taken from there.
    """
    path = _prepared(layout)
    snapshot.take(kept, path, lambda: None)
    known = [one for source in erased_in for one in _erasures_in(source, layout)]
    with _naming(kept):
        erased = erase_database.erase_known(path, known)
    with closing(erase_database.open_file(path)) as database:
        with database.begin() as connection:
            transfer.forget_programs(connection)
            added = _place_entries(connection, tree, is_complete)
        database.empty_log()
    return Prepared(erased, added)


def settle(layout: Layout, tree: ProvedTree) -> None:
    """Into its place: whole or not at all. Raises FleetError where a database is not empty."""
    path = _prepared(layout)
    if layout.keeps_own_file:
        path.rename(layout.database)
        sync_folder(layout.root)
        return
    with (
        closing(open_database(f"sqlite:///{path}")) as source,
        closing(open_database(layout.database_url)) as target,
    ):
        target.make_filled(lambda connection: _fill(source, connection, tree))
    _remove(path)


def _fill(source: Database, target: Connection, tree: ProvedTree) -> None:
    """Nothing is there unless all of it is, and agrees with the log."""
    with source.read() as reading:
        given = transfer.count_rows(reading)
        stands = transfer.copy_rows(reading, target)
    wrong = [name for name in given if given[name] != stands[name]]
    if wrong:
        raise BackupError(f"the rows of {', '.join(wrong)} were not all restored")
    _place_entries(target, tree, is_complete=True)


def _place_entries(connection: Connection, tree: ProvedTree, is_complete: bool) -> int:
    """Hold every entry of the log against its statement. Returns how many had to be added.

    A place that was given and not signed, as a shared log gives them, is taken back.
    """
    size = tree.checkpoint.size
    connection.execute(update(table).where(table.c.leaf_index >= size).values(leaf_index=None))
    added = 0
    for first in range(0, size, ENTRIES_AT_ONCE):
        entries = [tree.entry(at) for at in range(first, min(first + ENTRIES_AT_ONCE, size))]
        added += _place_some(connection, first, entries, is_complete)
    places = connection.execute(select(func.count(table.c.leaf_index))).scalar_one()
    if places != size:
        raise BackupError(f"the log has {size} entries, the database knows {places}")
    return added


def _place_some(connection: Connection, first: int, entries: list[bytes], is_complete: bool) -> int:
    names = [statements.hash_of(entry) for entry in entries]
    query = select(table.c.hash, table.c.id, table.c.leaf_index).where(table.c.hash.in_(names))
    found = {bytes(row.hash): row for row in connection.execute(query)}
    missing = [entry for entry, name in zip(entries, names, strict=True) if name not in found]
    if missing:
        if is_complete:
            index = first + names.index(statements.hash_of(missing[0]))
            raise BackupError(
                f"entry {index} of the log is not in the database: they are of two installations,"
                " or of different moments"
            )
        catch_up.add(connection, missing, int(time.time()))
        found = {bytes(row.hash): row for row in connection.execute(query)}
    places = []
    for index, name in enumerate(names, first):
        row = found[name]
        if row.leaf_index is None:
            places.append((row.id, index))
        elif row.leaf_index != index:
            raise BackupError(f"entry {index} of the log stands at {row.leaf_index} here")
    if places:
        statements.assign_leaves(connection, places)
        counters.add(connection, {"ledger_entries": len(places)})
    return len(missing)


def _erasures_in(path: Path, layout: Layout) -> list[Erasure]:
    """Of a database of this version or an older one, which stays as it is."""
    copy = layout.root / "erased.db"
    with _naming(path):
        snapshot.take(path, copy, lambda: None)
        with closing(erase_database.open_file(copy)) as database, database.read() as connection:
            found = erasures.all_erasures(connection)
    _remove(copy)
    return found


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except FleetError as error:
        raise BackupError(f"{path}: {error}") from error


def _prepared(layout: Layout) -> Path:
    return layout.root / "restoring.db"


def _remove(path: Path) -> None:
    for one in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        one.unlink(missing_ok=True)
