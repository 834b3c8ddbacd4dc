"""The application: routes, guard and problems put together, and what runs beside them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from . import problems
from .document import describe
from .guard import Guard
from .meters import Timing
from .metrics import VERSION, Metrics
from .routes import (
    commands,
    enrolments,
    entries,
    fleet,
    gaps,
    grants,
    ledger,
    riders,
    rollouts,
    service,
    sightings,
    vehicles,
    workshop,
)
from .services import make_services
from .settings import ApiSettings
from .tail import Tail

ROUTERS = tuple(
    m.router
    for m in (
        service,
        riders,
        vehicles,
        grants,
        commands,
        enrolments,
        fleet,
        gaps,
        rollouts,
        ledger,
        sightings,
        entries,
        workshop,
    )
)


def create_app(settings: ApiSettings, clock: Callable[[], float] = time.time) -> FastAPI:
    """The API. Other routes (pages) may be added behind these. Raises SettingsError, FleetError."""
    app = bare_app()
    services = make_services(settings, clock)
    app.state.services = services
    app.state.metrics = Metrics(services)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Timing, meters=services.meters)
    app.router.lifespan_context = _run_beside
    return app


def bare_app() -> FastAPI:
    """Routes and problems without anything to work with: enough for the OpenAPI document."""
    app = FastAPI(
        title="Trifleet", version=VERSION, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _run_beside(app: FastAPI) -> AsyncIterator[None]:
    """The poller of events and the way down to the gateways live as long as the server."""
    services = app.state.services
    poll_s = services.settings.poll_ms / 1000
    loop = asyncio.get_running_loop()
    services.streams.attach(loop)
    tail = Tail(services.database, services.hub, loop, poll_s, services.watch.saw)
    tail.start()
    services.downlink.start()
    try:
        yield
    finally:
        services.hub.close()
        tail.stop()
        services.downlink.stop()
        services.database.close()
        services.tracer.close()
