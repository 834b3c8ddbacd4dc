"""Which parts of the backend this process can reach now."""

from sqlalchemy.exc import SQLAlchemyError

from fleet_backend.fleet import events
from fleet_backend.fleet.errors import FleetError
from fleet_backend.ledger.errors import LedgerError, PolicyError

from .services import Services

OK = "ok"


def parts(services: Services) -> dict[str, str]:
    """Part -> "ok" or what is wrong with it, in a word."""
    return {
        "database": _database(services),
        "ledger": _ledger(services),
        "broker": OK if services.downlink.connected else "not-connected",
    }


def _database(services: Services) -> str:
    try:
        with services.database.read() as connection:
            events.newest_id(connection)
    except (SQLAlchemyError, FleetError):
        return "not-readable"
    return OK


def _ledger(services: Services) -> str:
    try:
        services.ledger.size()
    except PolicyError:
        return "not-cosigned"
    except LedgerError:
        return "not-readable"
    return OK
