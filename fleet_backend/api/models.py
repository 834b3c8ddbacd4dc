"""What goes over the wire, as pydantic models; unknown members of a request are refused.

Binary values are base64url without padding, thumbprints and command ids are hexadecimal.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# A presentation has at most 4,095 bytes; nothing that a client sends is longer.
B64U = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=5_500)]
Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
Column = list[int | None]


class Strict(BaseModel):
    """A request body."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NewRider(Strict):
    public_key: B64U = Field(description="SubjectPublicKeyInfo, DER")
    proof: B64U = Field(description="COSE_Sign1 of the registration")


class NewGrant(Strict):
    rider: Hex32 = Field(description="Thumbprint of the key that signed the request")
    request: B64U = Field(description="COSE_Sign1 of the grant request")


class NewCommand(Strict):
    presentation: B64U


class Rider(BaseModel):
    rider: Hex32


class Enrolment(BaseModel):
    id: str
    state: Literal["waiting", "answered"]


class Vehicle(BaseModel):
    """As anybody sees it: a vehicle that is in use has no position."""

    id: str
    state: Literal["LOCKED", "READY", "DRIVE", "LOCK_PENDING", "UNKNOWN"]
    available: bool
    online: bool
    soc_permille: int | None
    lat_e7: int | None
    lon_e7: int | None
    heading_cdeg: int | None
    updated: int | None = Field(description="Unix time; null if never heard of")


class Vehicles(BaseModel):
    items: list[Vehicle]
    next: str | None


class Challenge(BaseModel):
    challenge: str
    expires: int


class Grant(BaseModel):
    id: str
    state: Literal["requested", "issued", "refused", "expired"]
    reason: str | None
    grants: list[str]
    keys: list[str] = Field(description="Moduli from the owner's downwards, without the rider's")
    leaf_index: int | None


class Refusal(BaseModel):
    code: int
    name: str
    text: str


class Command(BaseModel):
    id: str
    vehicle: str
    action: int
    state: Literal["queued", "sent", "delivered", "executed", "pending", "refused", "expired"]
    refusal: Refusal | None
    created: int
    updated: int
    expires: int
    leaf_index: int | None


class FleetVehicle(BaseModel):
    """As the operator sees it."""

    id: str
    gateway: str
    online: bool
    state: str
    available: bool
    updated: int | None
    time: int | None
    speed_mmps: int | None
    odometer_m: int | None
    pack_mv: int | None
    pack_da: int | None
    soc_permille: int | None
    lat_e7: int | None
    lon_e7: int | None
    motor_temp_c: int | None
    heading_cdeg: int | None
    inverter_temp_c: int | None
    cell_min_mv: int | None
    cell_max_mv: int | None
    charging: int | None
    gnss_speed_mmps: int | None
    supply_mv: int | None
    cap_mmps: int | None
    warning: int | None
    steering_cdeg: int | None
    pack_temp_c: int | None
    rest: int | None
    last_refusal: dict[str, Any] | None


class FleetVehicles(BaseModel):
    items: list[FleetVehicle]
    next: str | None


class Record(BaseModel):
    id: int
    vehicle: str
    boot: int
    seq: int
    kind: int
    kind_name: str
    body: dict[str, Any]
    time: int
    server_time: int
    leaf_index: int | None
    statement_hash: str
    gateway: str
    gateway_seq: int


class Records(BaseModel):
    items: list[Record]
    next: str | None


class Statement(BaseModel):
    """An entry of the log with the records in it."""

    id: int
    leaf_index: int | None = Field(description="Place in the log; null while it waits")
    statement_hash: str
    gateway: str
    gateway_seq: int
    kind: int
    kind_name: Literal["RECORDS", "GATEWAY", "GRANT"]
    time: int = Field(description="When the gateway signed, by its own clock")
    server_time: int
    has_body: bool = Field(description="False once it was erased, and before a grant is shown")
    records: list[Record] = Field(description="Without telemetry")


class Statements(BaseModel):
    items: list[Statement]
    next: str | None


class Telemetry(BaseModel):
    """Columns of equal length. Of spans: the mean with least and greatest, or the newest value."""

    step: str = Field(description="raw: samples; else how long each span is, from its `time` on")
    time: list[int]
    speed_mmps: Column
    speed_mmps_min: Column = Field([], description="Of spans alone")
    speed_mmps_max: Column = Field([], description="Of spans alone")
    soc_permille: Column
    pack_mv: Column
    pack_mv_min: Column = Field([], description="Of spans alone")
    pack_mv_max: Column = Field([], description="Of spans alone")
    odometer_m: Column
    due: list[int] = Field(
        [], description="Hours of the range, by their start, whose spans lack samples for now"
    )
    next: str | None = Field(description="`cursor` of the older ones")


class VssValues(BaseModel):
    """The newest sample by paths of the COVESA Vehicle Signal Specification."""

    version: str
    time: int | None
    values: dict[str, float | bool]


class Refused(BaseModel):
    """A vehicle's refusal, or a message that the backend did not believe."""

    id: int
    source: Literal["vehicle", "quarantine"]
    vehicle: str | None
    gateway: str
    code: int | None
    name: str
    where: str
    action: int | None
    seq: int | None
    time: int | None
    server_time: int
    leaf_index: int | None


class RefusedPage(BaseModel):
    items: list[Refused]
    next: str | None


class Sighting(BaseModel):
    """The newest checkpoint of a log that a gateway holds, and that gateway's signature on it."""

    gateway: str
    public_key: str = Field(description="The gateway's Ed25519 key")
    origin: str
    size: int
    time: int = Field(description="By the gateway's clock; 0 if it was not set")
    server_time: int
    note: str = Field(description="The signed note, as the log published it")
    sighting: str = Field(description="COSE_Sign1 of the gateway; holds the note")


class Sightings(BaseModel):
    items: list[Sighting]
    next: str | None


class Disagreement(BaseModel):
    """Two checkpoints of one log that a gateway found not to agree."""

    id: int
    gateway: str
    public_key: str = Field(description="The gateway's Ed25519 key")
    origin: str
    time: int = Field(description="By the gateway's clock; 0 if it was not set")
    server_time: int
    held: str = Field(description="The signed note that the gateway had accepted")
    refused: str = Field(description="The signed note that it was shown then")
    sighting: str = Field(description="COSE_Sign1 of the gateway; holds both notes")


class Disagreements(BaseModel):
    items: list[Disagreement]
    next: str | None


class Place(BaseModel):
    """Where a statement stands in the log; to be proved by the log's own files."""

    leaf_index: int | None


class SelfTestStep(BaseModel):
    """One step of the self-test; `value` is in `unit`."""

    number: int
    name: str
    result: Literal["PASS", "FAIL", "NOT_HERE"]
    value: int | None
    unit: str


class WorkOrder(BaseModel):
    """What a workshop did to a vehicle. Who did it, and the self-test, are null once erased."""

    id: int
    notary: str
    seq: int
    vehicle: str
    board: str
    began: int = Field(description="By the workshop's clock; 0 if it was not set")
    ended: int
    release: str = Field(description="Digest of the release that was flashed; empty if none")
    outcome: int = Field(description="Exit code of the tool; 0: done")
    server_time: int
    leaf_index: int | None
    mechanic: str | None
    tests: list[SelfTestStep] | None


class WorkOrders(BaseModel):
    items: list[WorkOrder]
    next: str | None


class Health(BaseModel):
    status: Literal["ok"]
    parts: dict[str, str]


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str | None = None
    reason: str | None = None
    where: str | None = None
    errors: list[dict[str, str]] | None = None


class Gap(BaseModel):
    """Numbers that are missing in the chain of a gateway, or were."""

    id: int
    gateway: str
    first: int = Field(description="Of what is missing still; where it is filled, of what was")
    last: int
    since: int = Field(description="When the gap was found, by the server's clock")
    filled: int | None


class Gaps(BaseModel):
    items: list[Gap]
    next: str | None
