"""Roll-outs of releases, for operators. They say what is wanted; that a vehicle may install it, a
key says that this server does not have.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from fleet_backend.api import rolloutitems as items
from fleet_backend.api import rolloutmodels as models
from fleet_backend.api.auth import require_operator
from fleet_backend.api.errors import BadValueError
from fleet_backend.api.routes.common import Limit
from fleet_backend.api.services import Use
from fleet_backend.fleet import releases

RolloutId = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$")]
router = APIRouter(prefix="/v1/fleet", tags=["releases"], dependencies=[Depends(require_operator)])


@router.get("/releases")
def list_releases(services: Use) -> models.VehicleReleases:
    """What each vehicle has and shall have, and how far it is."""
    with services.database.read() as connection:
        rows = releases.having(connection)
    return models.VehicleReleases(items=[items.having(row) for row in rows])


@router.get("/rollouts")
def list_rollouts(services: Use, limit: Limit = 50) -> models.Rollouts:
    """Newest first."""
    with services.database.read() as connection:
        rows = releases.newest(connection, limit)
    return models.Rollouts(items=[items.rollout(row) for row in rows])


@router.get("/rollouts/{rollout}")
def show(rollout: RolloutId, services: Use) -> models.RolloutDetail:
    with services.database.read() as connection:
        row = releases.get(connection, rollout)
        return items.detail(row, releases.members(connection, rollout))


@router.put("/rollouts/{rollout}")
def create(rollout: RolloutId, asked: models.NewRollout, services: Use) -> models.RolloutDetail:
    """A new one, no wave of it open. The same name again gives the one that is there."""
    now = services.now()
    members = [(vehicle, wave) for wave, names in enumerate(asked.waves, 1) for vehicle in names]
    if len({vehicle for vehicle, _ in members}) != len(members):
        raise BadValueError("waves", "a vehicle is in two of them")
    new = releases.Rollout(
        rollout,
        bytes.fromhex(asked.digest),
        asked.target,
        asked.board,
        asked.version,
        asked.number,
        len(asked.waves),
        asked.failures_most,
        wave=0,
        state=releases.RUNNING,
        reason="",
        revision=0,
        created=now,
        updated=now,
    )
    with services.database.begin() as connection:
        row = releases.add(connection, new, members)
        return items.detail(row, releases.members(connection, rollout))


@router.put("/rollouts/{rollout}/state")
def change(rollout: RolloutId, asked: models.RolloutChange, services: Use) -> models.RolloutDetail:
    """Open a wave, pause, go on, end; refused where somebody else changed it meanwhile."""
    with services.database.begin() as connection:
        row = releases.change(
            connection,
            rollout,
            asked.revision,
            asked.state,
            asked.wave,
            asked.reason,
            services.now(),
        )
        return items.detail(row, releases.members(connection, rollout))
