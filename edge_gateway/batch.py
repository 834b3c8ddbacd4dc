"""Which records share a statement, and when it is due. Pure: the caller brings the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edge_gateway.settings import FlushSettings, Limits
from edge_gateway.window import Name, digest
from protocol import record

# What CBOR adds to a record (a byte string of up to 65,535) and to the array of 64.
_HEAD_BYTES = 3


class Part(NamedTuple):
    """Records that share a statement; `samples` of them where all are telemetry, else 0."""

    records: Sequence[bytes]
    samples: int = 0


@dataclass(frozen=True)
class Item:
    """A record on its way into a statement. It is a claim: only the backend checks its MAC."""

    vehicle: str
    name: Name
    data: bytes
    is_event: bool
    # In a BOOT record: how many records of earlier boots the vehicle still has. None in others.
    unsent: int | None

    @property
    def mark(self) -> tuple[Name, bytes]:
        return self.name, digest(self.data)


def read_item(data: bytes) -> Item:
    """Raises protocol.errors.DecodeError."""
    found = record.decode_unverified(data)
    return Item(
        found.vehicle,
        (found.boot, found.seq),
        data,
        found.kind != record.TELEMETRY,
        _unsent(found),
    )


def _unsent(found: record.Record) -> int | None:
    count = found.body[4] if found.kind == record.BOOT and found.seq == 0 else None
    return count if isinstance(count, int) else None


def share(items: Sequence[Item], *, apart: bool) -> list[Part]:
    """Which of them share a statement: all, or `apart` events and telemetry for themselves.

    Only statements of telemetry alone can be thinned.
    """
    events = [item.data for item in items if item.is_event]
    samples = [item.data for item in items if not item.is_event]
    if not events:
        return [Part(samples, len(samples))]
    if not samples or not apart:
        return [Part([item.data for item in items])]
    return [Part(events), Part(samples, len(samples))]


class Batch:
    """The records that wait for the next statement, in the order of their arrival."""

    def __init__(self, flush: FlushSettings, limits: Limits) -> None:
        self._flush = flush
        self._limits = limits
        self._items: list[Item] = []
        self._bytes = _HEAD_BYTES
        self._due_ms: float | None = None

    def __contains__(self, item: Item) -> bool:
        return any(i.data == item.data for i in self._items)

    def variants(self, name: Name) -> int:
        """How many records of this name wait."""
        return sum(i.name == name for i in self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def due_ms(self) -> float | None:
        """When the statement has to be made; None while nothing waits."""
        return self._due_ms

    def fits(self, item: Item) -> bool:
        """Whether the item still belongs into this statement; the first one always does."""
        return not self._items or (
            len(self._items) < self._limits.records_per_statement
            and self._bytes + len(item.data) + _HEAD_BYTES <= self._limits.body_bytes
        )

    def add(self, item: Item, now_ms: float) -> None:
        """Append an item that fits."""
        wait = self._flush.event_ms if item.is_event else self._flush.telemetry_ms
        due = now_ms + wait
        self._due_ms = due if self._due_ms is None else min(self._due_ms, due)
        self._items.append(item)
        self._bytes += len(item.data) + _HEAD_BYTES

    def take(self) -> list[Item]:
        """Everything, and start anew."""
        out, self._items = self._items, []
        self._bytes = _HEAD_BYTES
        self._due_ms = None
        return out
