"""`trifleet load`: a fleet of any size on this machine's own stack, and an account of it."""

import json
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trifleet.brokers.kinds import BrokerKind
from trifleet.commands.common import Json, Steps, log_to_stderr, print_table, stop_on_signals

if TYPE_CHECKING:
    from trifleet.load.figures import Latency
    from trifleet.load.run import Moment, Outcome


def load(
    vehicles: Annotated[int, typer.Option(help="10 to 100,000.")] = 100,
    gateways: Annotated[
        int, typer.Option(help="0: one for each vehicle, up to 5,000; each has at most 64.")
    ] = 0,
    seconds: Annotated[float, typer.Option(help="How long vehicles speak.")] = 60,
    pace: Annotated[
        str,
        typer.Option(
            help="day: they ride and rest; riding: all ride all the time; idle: lines alone."
        ),
    ] = "day",
    hour: Annotated[float, typer.Option(help="Of the day, at which it begins.")] = 17.5,
    storms: Annotated[int, typer.Option(help="Times that all connections break at once.")] = 0,
    offline: Annotated[float, typer.Option(help="Share of gateways once out of reach.")] = 0.0,
    offline_seconds: Annotated[float, typer.Option(help="How long that lasts.")] = 20,
    batch: Annotated[int, typer.Option(help="Records of a statement at most.")] = 50,
    flush_ms: Annotated[int, typer.Option(help="How long a record waits for others.")] = 1000,
    drain: Annotated[float, typer.Option(help="Seconds to wait for the last answers.")] = 60,
    processes: Annotated[int, typer.Option(help="That the load is made by.")] = 1,
    broker: Annotated[BrokerKind, typer.Option(help="What carries it.")] = BrokerKind.EMBEDDED,
    seed: Annotated[int, typer.Option(help="The same seed plays the same days.")] = 1,
    data: Annotated[
        Path | None, typer.Option(help="Keep everything in this new or empty folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Play a fleet with real keys against a broker and an ingest of its own, and check the log.

    Each statement is listed before it is sent and looked for in the log at the end. Exit status 1
    where one is lost, doubled or not as it was sent.
    """
    from trifleet.load.figures import new_histogram
    from trifleet.load.plan import Plan
    from trifleet.load.run import Run
    from trifleet.load.stand import Stand

    new_histogram()  # a package that is missing is told before anything is started
    log_to_stderr(logging.WARNING)
    plan = Plan(
        vehicles,
        gateways,
        seconds,
        pace,
        hour=hour,
        storms=storms,
        offline_share=offline,
        offline_s=offline_seconds,
        batch=batch,
        flush_ms=flush_ms,
        drain_s=drain,
        seed=seed,
    )
    stop = stop_on_signals()
    steps = Steps(as_json)
    with tempfile.TemporaryDirectory(prefix="trifleet-load-") as folder:
        place = data or Path(folder) / "stand"
        run = Run(plan, place, processes, Stand(place, broker))
        outcome = run.play(steps.say, _Progress(steps, as_json).show, stop)
    if as_json:
        print(json.dumps(_as_dict(outcome)))
    else:
        _show(outcome)
    if not outcome.report.is_clean:
        raise typer.Exit(1)


class _Progress:
    """A line a second."""

    def __init__(self, steps: Steps, as_json: bool) -> None:
        self._steps = steps
        self._as_json = as_json
        self._last: tuple[float, int, int] = (0.0, 0, 0)

    def show(self, moment: "Moment") -> None:
        counts = moment.figures.counts
        before_s, made, held = self._last
        if moment.seconds < before_s:  # the plan has begun
            before_s = 0.0
        if moment.seconds - before_s < 1:
            return
        passed = moment.seconds - before_s
        self._last = (moment.seconds, counts["statements"], counts["acknowledged"])
        latency = moment.figures.latency().percentiles_s
        self._steps.say(
            "running",
            f"{moment.up:,} lines up, {(counts['statements'] - made) / passed:,.0f}/s made, "
            f"{(counts['acknowledged'] - held) / passed:,.0f}/s acknowledged, "
            f"{moment.waiting:,} wait"
            + (f", p50 {latency[50.0]:.3f} s, p99 {latency[99.0]:.3f} s" if latency else ""),
        )


def _as_dict(outcome: "Outcome") -> dict[str, Any]:
    return {
        "seconds": outcome.moment.seconds,
        "counts": dict(outcome.moment.figures.counts),
        "latency_s": _latency(outcome.moment.figures.latency()),
        "to_log_s": _latency(outcome.to_log),
        "waiting": outcome.moment.waiting,
        "log": vars(outcome.report),
        "used": {name: vars(one) for name, one in outcome.used.items()},
        "used_by_load": [vars(one) for one in outcome.used_by_load],
    }


def _latency(found: "Latency") -> dict[str, Any]:
    return {
        "count": found.count,
        "mean": found.mean_s,
        "most": found.most_s,
        **{f"p{at:g}": value for at, value in found.percentiles_s.items()},
    }


def _show(outcome: "Outcome") -> None:
    latency, counts = outcome.moment.figures.latency(), outcome.moment.figures.counts
    rows: list[tuple[str, str]] = [(name, f"{counts[name]:,}") for name in sorted(counts)]
    rows += [(f"p{at:g}", f"{value:.3f} s") for at, value in latency.percentiles_s.items()]
    print_table(("measured", "from making to acknowledgement"), rows)
    rows = [(f"p{at:g}", f"{value:.3f} s") for at, value in outcome.to_log.percentiles_s.items()]
    print_table(("measured", "from making to the published log"), rows)
    programs = [*outcome.used.items(), *(("load", one) for one in outcome.used_by_load)]
    used = [(name, f"{one.processor_s:.1f} s", f"{one.peak_mb:.0f} MB") for name, one in programs]
    print_table(("program", "processor", "memory at most"), used)
    print_table(("statements", "number"), [(k, f"{v:,}") for k, v in vars(outcome.report).items()])
