"""What several routes share: path parameters, the Idempotency-Key, paging."""

from typing import Annotated

from fastapi import Depends, Path, Query

from fleet_backend.api.idempotency import read_key

Key = Annotated[str, Depends(read_key)]
NAME = r"^[a-z0-9-]{1,32}$"
VehicleId = Annotated[str, Path(pattern=NAME)]
CommandId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
GrantId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Cursor = Annotated[str | None, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=500)]
