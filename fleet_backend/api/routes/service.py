"""About the service itself: health, metrics, and what each problem's type stands for."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse

from fleet_backend.api import health, models, problems
from fleet_backend.api.errors import NotFoundError
from fleet_backend.api.metrics import CONTENT_TYPE
from fleet_backend.api.services import Use

router = APIRouter(tags=["service"])


@router.get("/healthz", response_model=models.Health)
def healthz(services: Use) -> Response:
    """200 where all parts can be reached, else 503 with the parts that cannot."""
    found = health.parts(services)
    if all(state == health.OK for state in found.values()):
        return JSONResponse({"status": "ok", "parts": found})
    failing = ", ".join(name for name, state in found.items() if state != health.OK)
    return problems.answer(problems.UNHEALTHY, f"failing: {failing}", parts=found)


@router.get("/metrics", response_class=Response)
def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE)


@router.get("/problems/{name}")
def problem(name: Annotated[str, Path(max_length=40)]) -> dict[str, str | int]:
    """What a problem's `type` refers to."""
    kind = problems.NAMED.get(name)
    if kind is None:
        raise NotFoundError("no such kind of problem")
    return asdict(kind)
