"""The issuer's process: no socket, one database, one ledger folder to read, two keys."""

import logging
import threading
from contextlib import closing

from fleet_backend.fleet import gateways, keys
from fleet_backend.fleet.database import open_database
from fleet_backend.logstore.opening import published_log

from .errors import IssuerKeyError
from .journal import Journal
from .ledgerview import LedgerView
from .settings import IssuerSettings
from .store import Store
from .worker import Signers, Worker

log = logging.getLogger(__name__)


def run(settings: IssuerSettings, stop: threading.Event) -> None:
    """Issue until `stop` is set. Raises IssuerError, FleetError, LedgerError: it cannot begin."""
    issuing = keys.load_rsa(settings.issuing_key)
    statement = keys.load_ed25519(settings.statement_key)
    published = published_log(settings.ledger_public, settings.ledger_url, settings.ledger_options)
    ledger = LedgerView(published, settings.ledger_policy)
    with (
        closing(open_database(settings.database_url)) as database,
        closing(Journal(settings.journal)) as journal,
        closing(Store(database, settings.name, keys.modulus(issuing))) as store,
    ):
        database.check_schema()
        with database.read() as connection:
            known = gateways.get(connection, settings.name)
        require_own_key(known, keys.public_bytes(statement))
        signers = Signers(
            settings.name, lambda message: keys.sign_ps256(issuing, message), statement.sign
        )
        worker = Worker(store, journal, ledger, signers, settings.cannot_log_s)
        log.info("issuer %s begins", settings.name)
        while not stop.is_set():
            worker.step()
            stop.wait(settings.poll_ms / 1000)


def require_own_key(known: gateways.Gateway, public_key: bytes) -> None:
    """Statements under another key than the registered one would be refused by everybody."""
    if known.kind != gateways.ISSUER or known.public_key != public_key:
        raise IssuerKeyError(f"issuer {known.id!r} is registered with another key or kind")
