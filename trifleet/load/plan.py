"""What shall happen to a fleet: how many, how long, who is out of reach when. Pure, from a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from trifleet.errors import UsageError

MOST_VEHICLES = 100_000
MOST_GATEWAYS = 20_000
LEAST_VEHICLES = 10
MOST_VEHICLES_A_GATEWAY = 64
DAY = "day"
RIDING = "riding"
IDLE = "idle"
PACES = (DAY, RIDING, IDLE)


@dataclass(frozen=True)
class Plan:
    """One run. Times in seconds; shares from 0 to 1."""

    vehicles: int = 100
    gateways: int = 0  # 0: one for each vehicle, up to 5,000
    seconds: float = 60.0
    pace: str = DAY  # RIDING: all ride all the time; IDLE: lines alone, nobody speaks
    rides: int = 8  # of a vehicle and day, at most
    hour: float = 17.5  # of the plan's day, at which the run begins
    storms: int = 0  # times that all connections break at once and come back
    offline_share: float = 0.0  # of the gateways, each once out of reach
    offline_s: float = 20.0
    batch: int = 50  # records of a statement at most
    flush_ms: int = 1000
    drain_s: float = 60.0  # how long to wait for the last acknowledgements
    seed: int = 1

    def __post_init__(self) -> None:
        _within("vehicles", self.vehicles, LEAST_VEHICLES, MOST_VEHICLES)
        _within("gateways", self.gateways, 0, min(self.vehicles, MOST_GATEWAYS))
        _within("vehicles of a gateway", -(-self.vehicles // self.count), 1, 64)
        _within("seconds", self.seconds, 1, 7 * 86_400)
        _within("rides", self.rides, 0, 40)
        _within("hour", self.hour, 0, 24)
        _within("storms", self.storms, 0, 100)
        _within("share of offline gateways", self.offline_share, 0, 1)
        _within("seconds offline", self.offline_s, 1, 86_400)
        _within("batch", self.batch, 1, 64)
        _within("flush", self.flush_ms, 50, 60_000)
        _within("drain", self.drain_s, 1, 86_400)
        if self.pace not in PACES:
            raise UsageError(f"pace is {', '.join(PACES)}, not {self.pace}")

    @property
    def count(self) -> int:
        """Gateways."""
        return self.gateways or max(min(self.vehicles, 5_000), -(-self.vehicles // 64))

    def vehicles_of(self, gateway: int) -> range:
        """The numbers of the vehicles beside that gateway, evenly shared out."""
        return range(
            gateway * self.vehicles // self.count, (gateway + 1) * self.vehicles // self.count
        )

    def share(self, part: int, parts: int) -> range:
        """The gateways that one of several processes plays."""
        return range(part * self.count // parts, (part + 1) * self.count // parts)


@dataclass(frozen=True)
class Outage:
    """A gateway without a line, from and until, in seconds of the run."""

    begin_s: float
    end_s: float


def outages(plan: Plan, gateway: int) -> list[Outage]:
    """When this gateway is out of reach: storms, which hit all at once, and its own."""
    found = [Outage(at, at + 0.5) for at in storm_times(plan)]
    source = random.Random(f"{plan.seed}/outage/{gateway}")  # noqa: S311 (a plan, not a secret)
    if source.random() < plan.offline_share:
        begin = source.uniform(0, max(plan.seconds - plan.offline_s, 0))
        found.append(Outage(begin, begin + plan.offline_s))
    return _merged(found)


def storm_times(plan: Plan) -> list[float]:
    """Evenly over the run."""
    return [plan.seconds * (i + 1) / (plan.storms + 1) for i in range(plan.storms)]


def _merged(found: Sequence[Outage]) -> list[Outage]:
    out: list[Outage] = []
    for one in sorted(found, key=lambda outage: outage.begin_s):
        if out and one.begin_s <= out[-1].end_s:
            out[-1] = Outage(out[-1].begin_s, max(out[-1].end_s, one.end_s))
        else:
            out.append(one)
    return out


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise UsageError(f"{name}: {least:,} to {most:,}, not {value:,}")
