"""The registrar's process: no socket, one database, the folder of invitations, the authority."""

import logging
import threading
from contextlib import closing

from fleet_backend.fleet.database import open_database
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.registrar.invitations import Invitations
from fleet_backend.registrar.settings import RegistrarSettings
from fleet_backend.registrar.worker import Authority, Offer, Worker

log = logging.getLogger(__name__)


def run(settings: RegistrarSettings, authority: Authority, stop: threading.Event) -> None:
    """Enrol until `stop` is set. Raises FleetError or LedgerError where it cannot begin."""
    invitations = Invitations(settings.invitations)
    with closing(open_database(settings.database_url)) as database:
        database.check_schema()
        worker = Worker(database, invitations, authority, offer(settings))
        log.info("registrar begins")
        while not stop.is_set():
            worker.step()
            stop.wait(settings.poll_ms / 1000)


def offer(settings: RegistrarSettings) -> Offer:
    """What gateways are told beside their name and certificate. Raises LedgerError."""
    policy = parse_policy(settings.ledger_policy.read_bytes())
    broker = settings.broker
    return Offer(
        settings.ack_key,
        (broker.host, broker.port, broker.server_name),
        tuple(one.vkey for one in policy.logs),
    )
