"""Rows of roll-outs as the API shows them: the vehicle's record first, then the gateway's word."""

from fleet_backend.api import rolloutmodels as models
from fleet_backend.fleet import releases
from fleet_backend.fleet.releases import Having, Progress, Rollout
from protocol import delivery, update

_BY_STAGE: dict[int, models.Shown] = {
    update.BEGUN: "installing",
    update.ON_TRIAL: "trial",
    update.CONFIRMED: "confirmed",
    update.ROLLED_BACK: "rolled_back",
    update.REFUSED: "refused",
}
# HANDED_OVER is not more than "installing": that it runs on trial, the vehicle says itself.
_BY_GATEWAY: dict[int, models.Shown] = {
    delivery.FETCHING: "fetching",
    delivery.FETCHED: "ready",
    delivery.WAITING: "waiting",
    delivery.INSTALLING: "installing",
    delivery.HANDED_OVER: "installing",
    delivery.FAILED: "failed",
}
GATEWAY_CODES = {
    delivery.NO_LINK: "NO_LINK",
    delivery.NOT_LOGGED: "NOT_LOGGED",
    delivery.NOT_TRUSTED: "NOT_TRUSTED",
    delivery.NO_CLOCK: "NO_CLOCK",
    delivery.NO_ROOM: "NO_ROOM",
    delivery.UNKNOWN: "UNKNOWN",
}


def shown(row: Progress, open_wave: int) -> models.Shown:
    """One word for where a vehicle is."""
    if row.stage is not None and row.stage in _BY_STAGE:
        return _BY_STAGE[row.stage]
    if row.wave > open_wave:
        return "later"
    if row.gateway_state is not None and row.gateway_state in _BY_GATEWAY:
        return _BY_GATEWAY[row.gateway_state]
    return "asked"


def reason(row: Progress) -> str | None:
    """The name of the code that belongs to `shown`."""
    code = row.code if row.stage is not None else row.gateway_code
    if not code:
        return None
    return update.NAMES.get(code) or GATEWAY_CODES.get(code) or f"CODE_{code}"


def vehicle(row: Progress, open_wave: int) -> models.RolloutVehicle:
    gateway, stage = row.gateway_state, row.stage
    return models.RolloutVehicle.model_validate(
        {
            "vehicle": row.vehicle,
            "wave": row.wave,
            "shown": shown(row, open_wave),
            "reason": reason(row),
            "permille": row.permille,
            "gateway_state": None if gateway is None else delivery.STATES.get(gateway),
            "gateway_time": row.gateway_time,
            "stage": None if stage is None else update.STAGES.get(stage),
            "recorded": row.recorded,
        }
    )


def rollout(row: Rollout) -> models.Rollout:
    return models.Rollout.model_validate({**vars(row), "digest": row.digest.hex()})


def detail(row: Rollout, rows: list[Progress]) -> models.RolloutDetail:
    values = {**vars(row), "digest": row.digest.hex()}
    values["vehicles"] = [vehicle(one, row.wave).model_dump() for one in rows]
    return models.RolloutDetail.model_validate(values)


def having(row: Having) -> models.VehicleRelease:
    """A roll-out that was stopped asks nothing of a vehicle any more."""
    wanted, progress = row.rollout, row.progress
    if wanted is None or progress is None:
        wanted = progress = None
    is_over = wanted is not None and wanted.state == releases.STOPPED
    return models.VehicleRelease.model_validate(
        {
            "vehicle": row.vehicle,
            "number": row.number,
            "digest": None if row.digest is None else row.digest.hex(),
            "wanted_version": None if wanted is None or is_over else wanted.version,
            "wanted_number": None if wanted is None or is_over else wanted.number,
            "rollout": None if wanted is None else wanted.id,
            "rollout_state": None if wanted is None else wanted.state,
            "shown": None if wanted is None or progress is None else shown(progress, wanted.wave),
            "reason": None if progress is None else reason(progress),
            "permille": None if progress is None else progress.permille,
        }
    )
