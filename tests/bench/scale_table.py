"""The figures of a fleet's load beside their limits: what is measured, what it must keep. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

OK, OVER, NO_LIMIT = "ok", "over", "-"
P99_S = 1.0


@dataclass(frozen=True)
class Line:
    """One figure. `limit` is None where there is none; `at_least`: which side of it is good."""

    figure: str
    measured: float
    limit: float | None = None
    at_least: bool = False

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return NO_LIMIT
        is_good = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        return OK if is_good else OVER

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


def of_ingest(found: Mapping[str, Any]) -> Iterator[Line]:
    """Of `bench_ingest`: full load, durable, into the ledger."""
    limits = found["limits"]
    one, fifty = found["runs"]
    rate = one["statements_per_s"]
    yield Line("statements/s at full load", rate, limits["statements_per_s"], at_least=True)
    samples = fifty["samples_per_s"]
    yield Line("samples/s in batches of 50", samples, limits["samples_per_s"], at_least=True)
    yield Line("bytes a sample on the wire", fifty["bytes_a_sample"], limits["bytes_a_sample"])
    for name in ("cryptography", "libsodium", "libsodium_all_cores"):
        bare = one[f"checks_per_s_{name}"]
        words = name.replace("_", " ").replace("all cores", "on all cores")
        yield Line(f"bare Ed25519 checks/s, {words}", bare)
        yield Line(f"statements/s as a share of these, {words}", round(rate / bare, 3))
    yield Line("processor us a statement at full load", one["processor_us_a_statement"])
    small = found["paced"]["processor_us_a_statement"]
    yield Line("processor us a statement at 1,111/s, without a broker", small)


def of_rate(found: Mapping[str, Any], wanted: int) -> Iterator[Line]:
    """Of `bench_load rate`: the published scenario, with more values a message."""
    # One in a hundred may be late or lie over the edge of the time that is measured.
    least = 0.99 * wanted
    yield Line("messages/s of the rate run", found["statements_per_s"], least, at_least=True)
    points = found["values_per_s"]
    yield Line("points/s of the rate run", points, 3 * least, at_least=True)
    yield Line("its share of the machine", found["share_of_machine_in_all"], found["limit_share"])
    yield Line("its p99 from gateway to ledger, s", found["to_log_s"]["p99"], found["limit_p99_s"])
    yield Line("its p99 to the acknowledgement, s", found["latency_s"]["p99"])
    yield Line("its statements lost or doubled", found["lost"] + found["doubled"], 0)


def of_idle(found: Mapping[str, Any]) -> Iterator[Line]:
    """Of `bench_load idle`."""
    memory = found["memory_mb_with_the_load"]
    yield Line(f"MB in all with {found['lines']:,} idle gateways, TLS", memory, found["limit_mb"])


def of_gateway(found: Mapping[str, Any]) -> Iterator[Line]:
    """Of `bench_gateway`: its first line."""
    yield Line("% of a core at a full bus", found["percent_of_a_core"], found["limit_percent"])
    yield Line("MB of a gateway at a full bus", found["highest_mb"], found["limit_mb"])


def of_telemetry(found: Mapping[str, Any]) -> Iterator[Line]:
    """Of `bench_telemetry`: the slowest request for one vehicle's day, of either engine."""
    vehicles = f"{found['vehicles']:,}"
    for run in found["runs"]:
        words = f"ms for one vehicle's day among {vehicles}, {run['engine']}"
        yield Line(words, run["slowest_median_ms"], run["limit_ms"])
        words = f"of these of this process's processor, {run['engine']}"
        yield Line(words, run["slowest_own_processor_ms"])


def of_curve(runs: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    """Of `bench_load curve`: a line a size, then the last size before it bends."""
    for run in runs:
        who = f"{run['vehicles']:,} vehicles on an afternoon"
        yield Line(f"{who}: p99 to the ledger, s", run["to_log_s"]["p99"] or 0.0)
        yield Line(f"{who}: statements/s", run["statements_per_s"])
        yield Line(f"{who}: samples/s", run["records_per_s"])
        yield Line(f"{who}: share of the machine", run["share_of_machine_in_all"])
    yield Line("vehicles before the curve bends", last_straight(runs))


def last_straight(runs: Iterable[Mapping[str, Any]]) -> int:
    """The largest size up to which all are within a second and nothing waits at the end."""
    last = 0
    for run in runs:
        late = run["to_log_s"]["p99"] is None or run["to_log_s"]["p99"] > P99_S
        if late or run["not_acknowledged_in_time"] or run["lost"]:
            break
        last = run["vehicles"]
    return last


def as_text(lines: Iterable[Line]) -> str:
    """For people: figure, measured, limit, verdict."""
    rows = [("figure", "measured", "limit", "")]
    for one in lines:
        sign = ">=" if one.at_least else "<="
        limit = "" if one.limit is None else f"{sign} {one.limit:,g}"
        rows.append((one.figure, f"{one.measured:,.10g}", limit, one.verdict))
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip()
        for row in rows
    )
