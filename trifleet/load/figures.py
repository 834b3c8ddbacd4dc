"""What a run measures: counts, and latencies in an HdrHistogram that several processes add up."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from trifleet.errors import UsageError

# In tenths of a millisecond up to an hour. Three digits would make a report thirty times as dear.
_UNITS_A_S, _LEAST, _MOST, _DIGITS = 10_000, 1, 36_000_000, 2
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


def new_histogram() -> Any:
    """Raises UsageError without the package."""
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError as error:
        raise UsageError(
            "latencies need a package: pip install -r requirements-scale.txt"
        ) from error
    return HdrHistogram(_LEAST, _MOST, _DIGITS)


@dataclass(frozen=True)
class Latency:
    """Seconds; None where nothing was measured."""

    count: int
    mean_s: float | None
    percentiles_s: dict[float, float]
    most_s: float | None


class Figures:
    """`counts` are of the whole run; a latency is from the making of a statement to its ack."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._latency = new_histogram()

    def acknowledged(self, seconds: float) -> None:
        """One statement is held by the backend."""
        self.counts["acknowledged"] += 1
        self._latency.record_value(min(max(round(seconds * _UNITS_A_S), _LEAST), _MOST))

    def as_dict(self) -> dict[str, Any]:
        """For another process: everything since the start."""
        return {"counts": dict(self.counts), "latency": self._latency.encode().decode("ascii")}

    def add(self, value: dict[str, Any]) -> None:
        """What another process measured."""
        self.counts.update(value["counts"])
        self._latency.decode_and_add(value["latency"].encode("ascii"))

    def latency(self) -> Latency:
        """The summary."""
        histogram = self._latency
        count = int(histogram.get_total_count())
        if not count:
            return Latency(0, None, {}, None)
        found = {at: histogram.get_value_at_percentile(at) / _UNITS_A_S for at in PERCENTILES}
        return Latency(
            count,
            histogram.get_mean_value() / _UNITS_A_S,
            found,
            histogram.get_max_value() / _UNITS_A_S,
        )
