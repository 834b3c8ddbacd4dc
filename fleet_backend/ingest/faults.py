"""Whose fault is an exception: the installation's, which is waited out or ends us, or a message's?

By the classes of PEP 249, which every driver has: OperationalError and InterfaceError are about the
database's operation (lost, locked, full), DataError, IntegrityError and all that is no error of a
database are about what was to be written.
"""

import traceback
from collections.abc import Iterator

from fleet_backend.fleet.errors import DatabaseError, OperationError, SchemaVersionError
from fleet_backend.ingest.errors import IngestError

_OPERATIONAL = frozenset(("OperationalError", "InterfaceError", "DatabaseLostError"))
_FRAMES = 4


def is_operational(error: BaseException) -> bool:
    """May the same batch succeed later, untouched?"""
    if isinstance(error, SchemaVersionError):
        return False
    if isinstance(error, MemoryError):
        return True
    return any(kind.__name__ in _OPERATIONAL for one in _chain(error) for kind in type(one).__mro__)


def is_of_a_message(error: BaseException) -> bool:
    """Is it to be looked for among the messages of the batch? Otherwise it ends the program."""
    if is_operational(error) or isinstance(error, (SchemaVersionError, IngestError)):
        return False
    return isinstance(error, DatabaseError) or not isinstance(error, OperationError)


def where(error: BaseException) -> str:
    """Class and place, and nothing of the values: they may be about a rider."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = [f"{one.filename.rsplit('/', 1)[-1]}:{one.lineno}" for one in reversed(frames)]
    return " ".join((type(error).__name__, *places))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it was raised from or about: the driver's own is the last of them."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__
