"""The published log (C2SP tlog-tiles), for whoever wants to check it. Serves nothing else."""

from fastapi import APIRouter, Response

from fleet_backend.api.errors import NotFoundError
from fleet_backend.api.receipts import COSE_TYPE
from fleet_backend.api.services import Use
from fleet_backend.ledger.errors import MissingError, TileError
from fleet_backend.ledger.storage import CHECKPOINT, SIGNED_ROOT

IMMUTABLE = "public, max-age=31536000, immutable"
router = APIRouter(prefix="/ledger", tags=["ledger"])


@router.get("/checkpoint", response_class=Response)
def checkpoint(services: Use) -> Response:
    """The newest signed checkpoint."""
    note = _fetch(services, CHECKPOINT)
    headers = {"Cache-Control": "public, max-age=1"}
    return Response(note, headers=headers, media_type="text/plain; charset=utf-8")


@router.get("/checkpoint.cose", response_class=Response)
def signed_root(services: Use) -> Response:
    """The same root as a COSE_Sign1, for whoever makes COSE receipts (RFC 9942)."""
    data = _fetch(services, SIGNED_ROOT)
    headers = {"Cache-Control": "public, max-age=1"}
    return Response(data, headers=headers, media_type=COSE_TYPE)


@router.get("/tile/{path:path}", response_class=Response)
def tile(path: str, services: Use) -> Response:
    """A tile or an entry bundle; it never changes."""
    data = _fetch(services, f"tile/{path}")
    headers = {"Cache-Control": IMMUTABLE}
    return Response(data, headers=headers, media_type="application/octet-stream")


def _fetch(services: Use, path: str) -> bytes:
    """The ledger's own reader of paths: what does not parse as a tile is never opened."""
    try:
        return services.ledger.fetch(path)
    except (MissingError, TileError) as error:
        raise NotFoundError("no such file of the log") from error
