"""The published log (C2SP tlog-tiles), for whoever wants to check it. Serves nothing else."""

from fastapi import APIRouter, Response

from fleet_backend.api.errors import NotFoundError
from fleet_backend.api.receipts import COSE_TYPE
from fleet_backend.api.services import Services, Use
from fleet_backend.ledger.errors import MissingError, TileError
from fleet_backend.ledger.storage import CHECKPOINT, PENDING, SIGNED_ROOT

IMMUTABLE = "public, max-age=31536000, immutable"
router = APIRouter(prefix="/ledger", tags=["ledger"])


@router.get("/checkpoint", response_class=Response)
def checkpoint(services: Use) -> Response:
    """The newest signed checkpoint; where witnesses cosign, the newest that they have cosigned."""
    return _note(services, CHECKPOINT)


@router.get("/pending", response_class=Response)
def pending(services: Use) -> Response:
    """The newest signed checkpoint, cosigned or not. Not there where no witnesses are asked."""
    return _note(services, PENDING)


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


def _note(services: Services, path: str) -> Response:
    headers = {"Cache-Control": "public, max-age=1"}
    note = _fetch(services, path)
    return Response(note, headers=headers, media_type="text/plain; charset=utf-8")


def _fetch(services: Use, path: str) -> bytes:
    """The ledger's own reader of paths: what does not parse as a tile is never opened."""
    try:
        return services.ledger.fetch(path)
    except (MissingError, TileError) as error:
        raise NotFoundError("no such file of the log") from error
