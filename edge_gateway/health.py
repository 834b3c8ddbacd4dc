"""How the gateway does: a picture that its thread makes once a second, and what it means. Pure.

The picture is a value: other threads read the last one. It holds no key and no position.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocol import statement

# Without a new picture for so long the gateway's thread does not turn.
STUCK_S = 15.0

BUS_DOWN = "bus-down"
BROKER_DOWN = "broker-down"
DISK_FULL = "disk-full"
CLOCK_UNSET = "clock-unset"
STUCK = "stuck"
STARTING = "starting"


@dataclass(frozen=True)
class Picture:
    """Everything that is shown. `made_s` is of the clock that nobody sets."""

    gateway: str
    made_s: float
    uptime_s: int
    # Whether the bus of each vehicle is open.
    buses: Mapping[str, bool]
    broker: bool
    statements: int
    in_flight: int
    outbox_permille: int
    is_full: bool
    refused: int
    samples_thinned: int
    clock: int
    error_ms: int
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Reason:
    """Why it is not well; `vehicle` where one bus is meant."""

    code: str
    vehicle: str = ""


def reasons(picture: Picture | None, now_s: float) -> Sequence[Reason]:
    """What is wrong now; nothing where all is well."""
    if picture is None:
        return [Reason(STARTING)]
    found = [Reason(BUS_DOWN, vehicle) for vehicle, is_up in picture.buses.items() if not is_up]
    for code, is_so in (
        (BROKER_DOWN, not picture.broker),
        (DISK_FULL, picture.is_full),
        (CLOCK_UNSET, picture.clock == statement.UNSET),
        (STUCK, now_s - picture.made_s > STUCK_S),
    ):
        if is_so:
            found.append(Reason(code))
    return found


def as_json(picture: Picture | None, now_s: float) -> dict[str, object]:
    """For programs."""
    wrong = reasons(picture, now_s)
    out: dict[str, object] = {
        "healthy": not wrong,
        "reasons": [{"code": one.code, **_named(one)} for one in wrong],
    }
    if picture is not None:
        out |= {
            "gateway": picture.gateway,
            "uptime_s": picture.uptime_s,
            "buses": dict(picture.buses),
            "broker": picture.broker,
            "outbox_statements": picture.statements,
            "statements_in_flight": picture.in_flight,
            "outbox_used_permille": picture.outbox_permille,
            "disk_full": picture.is_full,
            "statements_refused": picture.refused,
            "samples_thinned": picture.samples_thinned,
            "clock": statement.CLOCKS[picture.clock],
            "clock_error_ms": None if is_unknown(picture) else picture.error_ms,
            "counts": dict(sorted(picture.counts.items())),
        }
    return out


def is_unknown(picture: Picture) -> bool:
    """Whether nobody knows how far the clock is off."""
    return picture.error_ms == statement.UNKNOWN_ERROR


def as_metrics(picture: Picture | None, now_s: float) -> str:
    """For Prometheus (text format 0.0.4); units are in the names."""
    lines = list(_metric("healthy", "gauge", [("", int(not reasons(picture, now_s)))]))
    if picture is None:
        return "\n".join(lines) + "\n"
    buses = [(f'{{vehicle="{name}"}}', int(is_up)) for name, is_up in picture.buses.items()]
    source = f'{{source="{statement.CLOCKS[picture.clock]}"}}'
    counts = [(f'{{event="{_label(k)}"}}', n) for k, n in sorted(picture.counts.items())]
    for name, kind, values in (
        ("uptime_seconds", "gauge", [("", picture.uptime_s)]),
        ("picture_age_seconds", "gauge", [("", round(max(0.0, now_s - picture.made_s), 3))]),
        ("bus_connected", "gauge", buses),
        ("broker_connected", "gauge", [("", int(picture.broker))]),
        ("outbox_statements", "gauge", [("", picture.statements)]),
        ("outbox_used_ratio", "gauge", [("", picture.outbox_permille / 1000)]),
        ("statements_in_flight", "gauge", [("", picture.in_flight)]),
        ("disk_full", "gauge", [("", int(picture.is_full))]),
        ("statements_refused_total", "counter", [("", picture.refused)]),
        ("samples_thinned_total", "counter", [("", picture.samples_thinned)]),
        ("clock_source", "gauge", [(source, 1)]),
        ("events_total", "counter", counts),
    ):
        lines += _metric(name, kind, values)
    if not is_unknown(picture):
        lines += _metric("clock_error_seconds", "gauge", [("", picture.error_ms / 1000)])
    return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, values: Sequence[tuple[str, float]]) -> list[str]:
    full = f"trifleet_gateway_{name}"
    return [f"# TYPE {full} {kind}", *(f"{full}{labels} {value}" for labels, value in values)]


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _named(reason: Reason) -> dict[str, str]:
    return {"vehicle": reason.vehicle} if reason.vehicle else {}
