"""How the gateway does: a picture that its thread makes once a second, and what it means. Pure.

The picture is a value: other threads read the last one. It holds no key and no position.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from protocol import statement

# Without a new picture for so long the gateway's thread does not turn.
STUCK_S = 15.0
# One number, or one for each set of labels.
Values = float | dict[str, int]

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
    lines = _metric("healthy", "gauge", "1: nothing is wrong", int(not reasons(picture, now_s)))
    if picture is not None:
        for name, kind, text, values in _numbers(picture, now_s):
            lines += _metric(name, kind, text, values)
    return "\n".join(lines) + "\n"


def _numbers(picture: Picture, now_s: float) -> Iterator[tuple[str, str, str, Values]]:
    """(name, type, help, values) of what a picture shows."""
    buses = {f'{{vehicle="{name}"}}': int(is_up) for name, is_up in picture.buses.items()}
    source = {f'{{source="{statement.CLOCKS[picture.clock]}"}}': 1}
    counts = {f'{{event="{_label(k)}"}}': n for k, n in sorted(picture.counts.items())}
    age_s = round(max(0.0, now_s - picture.made_s), 3)
    yield "uptime_seconds", "gauge", "Since the start", picture.uptime_s
    yield "picture_age_seconds", "gauge", "Age of these numbers", age_s
    yield "bus_connected", "gauge", "1: the bus answers", buses
    yield "broker_connected", "gauge", "1: a broker is reached", int(picture.broker)
    yield "outbox_statements", "gauge", "Waiting for the backend", picture.statements
    yield "outbox_used_ratio", "gauge", "Of the outbox's bound", picture.outbox_permille / 1000
    yield "statements_in_flight", "gauge", "Sent, not acknowledged", picture.in_flight
    yield "disk_full", "gauge", "1: nothing can be stored", int(picture.is_full)
    yield "statements_refused_total", "counter", "By the backend", picture.refused
    yield "samples_thinned_total", "counter", "Given up for room", picture.samples_thinned
    yield "clock_source", "gauge", "What set the clock", source
    yield "events_total", "counter", "Whatever is counted", counts
    if not is_unknown(picture):
        error_s = picture.error_ms / 1000
        yield "clock_error_seconds", "gauge", "The clock is off by at most this", error_s


def _metric(name: str, kind: str, text: str, values: Values) -> list[str]:
    full = f"trifleet_gateway_{name}"
    labelled = values if isinstance(values, dict) else {"": values}
    samples = [f"{full}{labels} {value}" for labels, value in labelled.items()]
    return [f"# HELP {full} {text}", f"# TYPE {full} {kind}", *samples]


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _named(reason: Reason) -> dict[str, str]:
    return {"vehicle": reason.vehicle} if reason.vehicle else {}
