"""The fleet's database and the gateways' outboxes: whole, of this version, and not too full."""

import contextlib
import tomllib
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.errors import FleetError
from fleet_backend.fleet.schema import VERSION
from trifleet.doctor.finding import Finding, Findings, fail, ok, warn
from trifleet.doctor.readonly import LookError, TooLongError, number, quick_check, reading
from trifleet.doctor.subject import Subject, read_small
from trifleet.layout import Layout

_CHECK_S = 10.0
_RESTORE = "stop the stack and restore the last back-up (trifleet restore)"
_UPGRADE = "start this program once (it brings older schemas up), or install the newer one"
_DEFAULT_OUTBOX_MB = 256
_NEARLY_FULL = 0.9
_HALF_FULL = 0.5
_MB = 1 << 20


def sqlite_file(subject: Subject) -> Path | None:
    """The database's file; None where it is a server. Raises LookError for no URL at all."""
    try:
        url = make_url(subject.database_url)
    except SQLAlchemyError as error:
        raise LookError("the settings hold no database URL") from error
    if url.get_backend_name() != "sqlite":
        return None
    # Whatever path the settings hold: a folder that was moved is started with its own file.
    return subject.layout.database


def check_database(subject: Subject) -> Findings:
    """Reached, whole, and of this program's schema."""
    try:
        path = sqlite_file(subject)
        if path is None:
            yield _look_at_server(subject.database_url)
            return
        yield _schema_of(path)
    except LookError as error:
        yield fail("database", str(error), _RESTORE)
        return
    yield _integrity(path)


def _schema_of(path: Path) -> Finding:
    with reading(path) as database:
        found = [row[0] for row in database.execute("SELECT version FROM schema_version")]
    if found != [VERSION]:
        words = f"schema version {found}, this program knows {VERSION}"
        return fail("database", words, _UPGRADE)
    return ok("database", f"{path.name}, schema version {VERSION}")


def _integrity(path: Path) -> Finding:
    try:
        words = quick_check(path, _CHECK_S)
    except TooLongError as error:
        remedy = "nothing wrong was seen; check a back-up of it with sqlite3 and PRAGMA quick_check"
        return warn("integrity", str(error), remedy)
    except LookError as error:
        return fail("integrity", str(error), _RESTORE)
    return fail("integrity", words, _RESTORE) if words else ok("integrity", f"{path.name} is whole")


def _look_at_server(url: str) -> Finding:
    """Its URL may hold a password: never shown."""
    try:
        database = open_database(url)
        try:
            database.check_schema()
        finally:
            database.close()
    except (FleetError, SQLAlchemyError, ImportError) as error:
        words = str(error) if isinstance(error, FleetError) else type(error).__name__
        return fail("database", f"the server: {words}", "is it up, and is the URL right?")
    return ok("database", f"the server answers, schema version {VERSION}")


def check_erasures(subject: Subject) -> Findings:
    """A rider's erasure that did not come to its end is a promise that is not kept yet."""
    try:
        path = sqlite_file(subject)
        if path is None:
            return
        with reading(path) as database:
            open_ones = number(
                database, "SELECT count(*) FROM erasures WHERE state <> ?", "finished"
            )
    except LookError:
        return  # told by the check of the database
    if open_ones:
        remedy = "run `trifleet privacy erase` for these riders again: it goes on from there"
        yield fail("erasures", f"{open_ones} not finished", remedy)
    else:
        yield ok("erasures", "none is unfinished")


def check_outboxes(subject: Subject) -> Findings:
    """How full each gateway's file is; statements in it are the only copy of what they say."""
    fullest: tuple[float, str] | None = None
    count = 0
    for path in sorted(subject.layout.root.glob("gateways/*/gateway.toml")):
        count += 1
        name = path.parent.name
        try:
            share, waiting = _fill(path)
        except LookError as error:
            if path.with_name("outbox.db").exists():
                remedy = "keep the file, and give this gateway a new identity"
                yield fail("outboxes", f"{name}: {error}", remedy)
            continue
        text = f"{name}: {share:.0%} full, {waiting} statements wait"
        if share >= _HALF_FULL:
            remedy = "see that broker and ingest take them; or raise [limits] outbox_mb"
            make = fail if share >= _NEARLY_FULL else warn
            yield make("outboxes", text, remedy)
        elif fullest is None or share > fullest[0]:
            fullest = (share, text)
    if fullest is not None:
        yield ok("outboxes", f"the fullest of {count} is {fullest[1]}")
    elif not count:
        yield ok("outboxes", "no gateway in this folder")


def fullest_outbox(layout: Layout) -> float:
    """Share of its bound that the fullest outbox of the folder uses; 0 where there is none."""
    shares = [0.0]
    for path in layout.root.glob("gateways/*/gateway.toml"):
        with contextlib.suppress(LookError):
            shares.append(_fill(path)[0])
    return max(shares)


def _fill(settings: Path) -> tuple[float, int]:
    """(share of the bound that is used, statements that wait). Raises LookError."""
    with reading(settings.with_name("outbox.db")) as database:
        pages = number(database, "PRAGMA page_count") - number(database, "PRAGMA freelist_count")
        used = pages * number(database, "PRAGMA page_size")
        waiting = number(database, "SELECT count(*) FROM statements")
    return used / (_outbox_mb(settings) * _MB), waiting


def _outbox_mb(settings: Path) -> int:
    try:
        value = tomllib.loads(read_small(settings).decode())["limits"]["outbox_mb"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return _DEFAULT_OUTBOX_MB
    return value if type(value) is int and value > 0 else _DEFAULT_OUTBOX_MB


def newest_leaf(path: Path) -> tuple[int, int, int]:
    """(entries that the database knows a place of, statements that wait for one, since when).

    `since` is Unix time, 0 where none waits. Raises LookError.
    """
    with reading(path) as database:
        known = number(database, "SELECT max(leaf_index) + 1 FROM statements")
        waiting = number(database, "SELECT count(*) FROM statements WHERE leaf_index IS NULL")
        oldest = "SELECT min(server_time) FROM statements WHERE leaf_index IS NULL"
        return known, waiting, number(database, oldest)
