"""What happens at the bench, as values: programs show them as lines, bars or NDJSON.

The library says an event and knows nothing of terminals. No event ever holds a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

VERSION = 1


@dataclass(frozen=True)
class Step:
    """A piece of the work begins, or something is worth knowing. `name` is for machines."""

    name: str
    text: str


@dataclass(frozen=True)
class Progress:
    """`done` of `total`, in `unit`; the last one of a step has both equal."""

    name: str
    done: int
    total: int
    unit: str = "bytes"


@dataclass(frozen=True)
class Failure:
    """Why it ended. `exit` is of exits.py; `what`, `why` and `next` are sentences for a person."""

    exit: int
    what: str
    why: str
    next: str


@dataclass(frozen=True)
class Result:
    """The end of a command, always the last event. `exit` 0: done."""

    command: str
    exit: int
    values: Mapping[str, object] = field(default_factory=dict)


Event = Step | Progress | Failure | Result
KINDS: dict[type, str] = {Step: "step", Progress: "progress", Failure: "error", Result: "result"}


class Sink(Protocol):
    """Takes each event as it happens, from one thread. Must not raise."""

    def __call__(self, event: Event, /) -> None: ...


def silent(event: Event, /) -> None:
    """For who wants none of it."""


def as_json(event: Event, seconds: float) -> dict[str, object]:
    """One NDJSON object: `v`, `event`, `t_s` (seconds since the start), then the event's fields."""
    head: dict[str, object] = {"v": VERSION, "event": KINDS[type(event)], "t_s": round(seconds, 3)}
    return head | dict(vars(event))
