"""Where a statement stands in the log, for who has it. Its hash is of what the log publishes."""

from typing import Annotated

from fastapi import APIRouter, Path

from fleet_backend.api import models
from fleet_backend.api.services import Use
from fleet_backend.fleet import statements

StatementHash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
router = APIRouter(prefix="/v1/ledger", tags=["ledger"])


@router.get("/statements/{statement}")
def show_place(statement: StatementHash, services: Use) -> models.Place:
    """`statement` is the SHA-256 of the entry. `leaf_index` is null while it waits for the log."""
    with services.database.read() as connection:
        found = statements.by_hash(connection, bytes.fromhex(statement))
    return models.Place(leaf_index=found.leaf_index)
