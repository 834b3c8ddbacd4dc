"""Roll-outs over the wire."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from fleet_backend.api.models import Hex32, Name, Strict

MAX_WAVES = 20
MAX_MEMBERS = 300  # of one request, which has a bound
Target = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,119}\.tfr$", max_length=124)
]
Text = Annotated[str, StringConstraints(max_length=200)]
State = Literal["running", "paused", "stopped", "finished"]
Stage = Literal["BEGUN", "ON_TRIAL", "CONFIRMED", "ROLLED_BACK", "REFUSED"]
GatewayState = Literal["FETCHING", "FETCHED", "WAITING", "INSTALLING", "HANDED_OVER", "FAILED"]
# What a page shows of one vehicle: the vehicle's word where there is one, else the gateway's.
Shown = Literal[
    "later",
    "asked",
    "fetching",
    "ready",
    "waiting",
    "installing",
    "trial",
    "confirmed",
    "rolled_back",
    "refused",
    "failed",
]


class NewRollout(Strict):
    """`waves`: the vehicles of each; the first is opened by a change, not by this."""

    digest: Hex32
    target: Target
    board: Name
    version: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    number: Annotated[int, Field(ge=1, le=0xFFFFFFFF)]
    failures_most: Annotated[int, Field(ge=0, le=10_000)]
    waves: Annotated[
        list[Annotated[list[Name], Field(min_length=1, max_length=MAX_MEMBERS)]],
        Field(min_length=1, max_length=MAX_WAVES),
    ]


class RolloutChange(Strict):
    """Open a wave, pause, go on, end; `revision` is the one that was seen."""

    revision: Annotated[int, Field(ge=0, le=1_000_000)]
    state: State
    wave: Annotated[int, Field(ge=0, le=MAX_WAVES)]
    reason: Text = ""


class RolloutVehicle(BaseModel):
    vehicle: str
    wave: int
    shown: Shown
    reason: str | None = Field(description="Why it waits, failed or was refused: a name of a code")
    permille: int | None = Field(description="Of what is fetched or handed over")
    gateway_state: GatewayState | None = Field(description="The gateway's word; ends nothing")
    gateway_time: int | None
    stage: Stage | None = Field(description="The vehicle's own record")
    recorded: int | None


class Rollout(BaseModel):
    id: str
    digest: str
    target: str
    board: str
    version: str
    number: int
    waves: int
    failures_most: int
    wave: int
    state: State
    reason: str
    revision: int
    created: int
    updated: int


class RolloutDetail(Rollout):
    vehicles: list[RolloutVehicle]


class Rollouts(BaseModel):
    items: list[Rollout]


class VehicleRelease(BaseModel):
    """One vehicle: what it has, by its own record, and what it shall have."""

    vehicle: str
    number: int | None
    digest: str | None
    wanted_version: str | None
    wanted_number: int | None
    rollout: str | None
    rollout_state: State | None
    shown: Shown | None
    reason: str | None
    permille: int | None


class VehicleReleases(BaseModel):
    items: list[VehicleRelease]
