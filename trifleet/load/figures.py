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


class Latencies:
    """A histogram of them."""

    def __init__(self) -> None:
        self._histogram = new_histogram()

    def add(self, seconds: float) -> None:
        """One more."""
        self._histogram.record_value(min(max(round(seconds * _UNITS_A_S), _LEAST), _MOST))

    def encode(self) -> str:
        """For another process."""
        return str(self._histogram.encode().decode("ascii"))

    def add_encoded(self, text: str) -> None:
        """What another process measured."""
        self._histogram.decode_and_add(text.encode("ascii"))

    def summary(self) -> Latency:
        histogram = self._histogram
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


class Figures:
    """`counts` are of the whole run; a latency is from the making of a statement to its ack."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._latency = Latencies()

    def acknowledged(self, seconds: float) -> None:
        """One statement is held by the backend."""
        self.counts["acknowledged"] += 1
        self._latency.add(seconds)

    def as_dict(self) -> dict[str, Any]:
        """For another process: everything since the start."""
        return {"counts": dict(self.counts), "latency": self._latency.encode()}

    def add(self, value: dict[str, Any]) -> None:
        """What another process measured."""
        self.counts.update(value["counts"])
        self._latency.add_encoded(value["latency"])

    def latency(self) -> Latency:
        """The summary."""
        return self._latency.summary()
