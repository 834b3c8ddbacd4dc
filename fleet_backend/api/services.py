"""What the routes work with, made once for one application."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from fleet_backend.fleet.database import Database, open_database
from fleet_backend.logstore.opening import published_log
from fleet_backend.tracing.tracer import OFF, Tracer, from_environment

from .auth import OperatorToken, read_secret
from .downlink import Downlink
from .hub import Hub
from .ledgerview import PublishedLedger
from .meters import ApiMeters, CommandWatch
from .settings import ApiSettings
from .stream import Streams


@dataclass
class Services:
    """The parts of the API. `now` is Unix time in seconds."""

    settings: ApiSettings
    database: Database
    ledger: PublishedLedger
    operator: OperatorToken
    hub: Hub
    streams: Streams
    downlink: Downlink
    clock: Callable[[], float]
    meters: ApiMeters = field(default_factory=ApiMeters)
    tracer: Tracer = OFF

    def __post_init__(self) -> None:
        self.watch = CommandWatch(self.meters, self.tracer)

    def now(self) -> int:
        return int(self.clock())


def make_services(settings: ApiSettings, clock: Callable[[], float] = time.time) -> Services:
    """Raises FleetError (settings, or a database that is none of ours), LedgerError (the log)."""
    operator = OperatorToken(read_secret(settings.operator_token))
    password = None if settings.mqtt_password is None else read_secret(settings.mqtt_password)
    published = published_log(settings.ledger_public, settings.ledger_url, settings.ledger_options)
    ledger = PublishedLedger(published, settings.ledger_policy)
    database = open_database(settings.database_url)
    database.check_schema()
    hub = Hub(settings.max_streams, settings.stream_queue)
    tracer = from_environment("api")
    return Services(
        settings,
        database,
        ledger,
        operator,
        hub,
        Streams(database, hub, settings),
        Downlink(database, settings, password, clock, tracer),
        clock,
        tracer=tracer,
    )


def get_services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Use = Annotated[Services, Depends(get_services)]
