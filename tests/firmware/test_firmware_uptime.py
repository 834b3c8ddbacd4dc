"""After days: the vehicle does across each boundary of its clock what it does anywhere else.

Integers of small machines need memory from 2^30 on (12 days in ms); kept times are masked with
2^29; ticks wrap at 2^30.
"""

import pytest
from keeper_bench import keep, load_app
from signer import OWNER, by_owner
from vcu import power
from vcu.can.port import COUNTERS
from vcu_bench import Bench, Node, identity

from protocol import command, link, lock, record

ELSEWHERE_MS = 10_000_000
BOUNDARIES = [1 << bits for bits in (28, 29, 30, 31, 32)]
SECONDS = (4, 11, 17, 30)  # of the scenario, at which the boundary is crossed
# All of them with `make faults`; in the check each boundary at two moments.
CASES = [
    pytest.param(boundary, second, marks=[] if (at + place) % 2 else [pytest.mark.faults])
    for at, boundary in enumerate(BOUNDARIES)
    for place, second in enumerate(SECONDS)
]
CYCLE_MS = 20


def scenario(folder, app, begin_ms):
    """Half a minute with everything in it that has a time; what the vehicle said and did."""
    (folder / "identity").write_bytes(identity(OWNER.thumbprint))
    bench = Bench(f"{folder}/", begin_ms=begin_ms)
    bench.nodes["GW_Heartbeat"] = Node("GW_Heartbeat", {"State": 2})
    bench.nodes["HMI_Keys"] = Node("HMI_Keys", {"Presses": 0, "Digit": 0})
    keep(bench, app)
    bench.run(1_500)
    for presses in range(1, 18):  # a code that is wrong, and its back-off
        digit = 7 if presses < 17 else 10
        bench.nodes["HMI_Keys"].signals = {"Presses": presses, "Digit": digit}
        bench.run(100)
    bench.board.can.deliver(0x500, bytes((0x10, 100, *range(6))))  # a transfer that ends there
    bench.run(500)
    assert bench.present(by_owner(current(bench))) == (record.ANSWER, record.DONE)
    bench.inputs(1, 1, 1)
    bench.run(200)
    bench.inputs(1, 0, 1)
    for speed_mmps in range(0, 6_001, 50):
        bench.speed(speed_mmps)
        bench.run(20)
    bench.nodes["HMI_Inputs"].signals["SteeringAngle_cdeg"] = 3_000
    bench.run(1_000)
    bench.nodes["MC_Status1"].signals = None
    bench.run(3_000)
    bench.speed(6_000)
    bench.run(6_000)
    assert bench.present(by_owner(current(bench), command.LOCK)) == (record.ANSWER, record.PENDING)
    bench.inputs(0, 1, 0)
    bench.stop(6_000)
    bench.nodes["MC_Heartbeat"].signals = None
    bench.run(3_000)
    bench.nodes["MC_Heartbeat"].signals = {"State": 2}
    bench.run(12_000)
    assert bench.vcu.drive.lock == lock.LOCKED and bench.vcu.rest == power.DROWSY
    return bench


def current(bench):
    return bench.gateway.challenges[-1][0]


def trace(bench, begin_ms):
    """All that may be compared: times from the begin on, without signatures and their hashes."""
    records = []
    for made in bench.gateway.records:
        body = {key: value for key, value in made.body.items() if not isinstance(value, bytes)}
        if made.kind == record.HEALTH:
            body[0] -= begin_ms // 1000
        records.append((made.kind, made.seq, made.uptime_ms - begin_ms, made.time, body))
    drives = [(at_ms - begin_ms, signals) for at_ms, signals in bench.drives]
    locks = [(at_ms - begin_ms, signals) for at_ms, signals in bench.locks]
    # From 2^32 on an uptime is four bytes longer, and frames of a longer record wait more often.
    counts = dict(zip(COUNTERS.split(), bench.vcu.bus.counters(), strict=True))
    del counts["refused"]
    counts["missed"] = sum(cycle.missed for cycle in bench.vcu.cycles)
    return bench.frames, drives, locks, records, counts


def restless(monkeypatch):
    monkeypatch.setattr(power, "REST_MS", (4_000,) * 4)
    return load_app(monkeypatch)


@pytest.fixture
def app(monkeypatch):
    return restless(monkeypatch)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = trace(scenario(folder, restless(patch), ELSEWHERE_MS), ELSEWHERE_MS)
    kinds = {made[0] for made in found[3]}
    assert kinds > {record.LOCK, record.ANSWER, record.REFUSAL, record.TELEMETRY, record.HEALTH}
    assert any(signals["Warning"] & lock.WARN_TIP_OVER for _, signals in found[1])
    return found


@pytest.mark.parametrize(("boundary_ms", "second"), CASES)
def test_no_boundary_of_the_clock_is_noticed(
    elsewhere, app, tmp_path, monkeypatch, boundary_ms, second
):
    monkeypatch.chdir(tmp_path)
    begin_ms = (boundary_ms // 1000 - second) * 1000
    bench = scenario(tmp_path, app, begin_ms)
    assert begin_ms + second * 1000 <= boundary_ms < bench.now_ms
    for here, there in zip(trace(bench, begin_ms), elsewhere, strict=True):
        assert here == there


class Wide(int):
    """An uptime; counts the results of its arithmetic that need memory on a 32-bit chip."""

    made = 0

    def _count(self, value):
        if value is NotImplemented:
            return value
        Wide.made += abs(value) >= 1 << 30
        return Wide(value)

    def __add__(self, other):
        return self._count(int.__add__(self, other))

    def __radd__(self, other):
        return self._count(int.__radd__(self, other))

    def __sub__(self, other):
        return self._count(int.__sub__(self, other))

    def __rsub__(self, other):
        return self._count(int.__rsub__(self, other))

    def __mul__(self, other):
        return self._count(int.__mul__(self, other))

    def __floordiv__(self, other):
        return self._count(int.__floordiv__(self, other))


@pytest.mark.parametrize(("begin_ms", "least", "most"), [(1 << 29, 0, 1), (1 << 30, 1, 8)])
def test_what_a_cycle_takes_of_memory_after_twelve_days_is_little(tmp_path, begin_ms, least, most):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    begin_ms -= begin_ms % -1000
    bench = Bench(f"{tmp_path}/", begin_ms=begin_ms)
    bench.loop._now = lambda: Wide(bench.now_ms)
    bench.run(1_500)
    bench.gateway.request(link.pack(link.PRESENTATION, by_owner(current(bench))))
    bench.inputs(1, 1, 1)
    bench.run(2_000)
    assert bench.enabled()
    Wide.made = 0
    cycles = 250
    bench.run(cycles * CYCLE_MS)
    # The uptime itself is one more in each millisecond.
    print(f"{Wide.made / cycles:.1f} wide integers in a cycle of {CYCLE_MS} ms")
    assert least <= Wide.made / cycles <= most
