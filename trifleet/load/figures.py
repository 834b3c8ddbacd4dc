"""What a run measures: counts, and latencies in an HdrHistogram that several processes add up."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from trifleet.errors import UsageError

_LEAST_US, _MOST_US, _DIGITS = 1, 3_600_000_000, 3
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


def new_histogram() -> Any:
    """Microseconds from 1 to an hour, three digits. Raises UsageError without the package."""
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError as error:
        raise UsageError(
            "latencies need a package: pip install -r requirements-scale.txt"
        ) from error
    return HdrHistogram(_LEAST_US, _MOST_US, _DIGITS)


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
        self._latency.record_value(min(max(round(seconds * 1e6), _LEAST_US), _MOST_US))

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
        found = {at: histogram.get_value_at_percentile(at) / 1e6 for at in PERCENTILES}
        return Latency(
            count, histogram.get_mean_value() / 1e6, found, histogram.get_max_value() / 1e6
        )
