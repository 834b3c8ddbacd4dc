"""The workbench's tester against the firmware on the bench, over one bus that may lose frames: both
are the real ones, and time is counted, not slept."""

import hashlib
import random

import can
import pytest
from signer import OWNER, STRANGER, by_owner
from uds_bench import DiagnosisBench
from uds_updates import fit
from vcu_bench import VEHICLE, identity

from protocol import command, refusal, update
from workbench.errors import (
    BusError,
    PresentationRefusedError,
    SilentVehicleError,
    UdsRefusedError,
    UpdateRefusedError,
)
from workbench.exits import Exit, explain
from workbench.uds import update as uds_update
from workbench.uds.bus import open_bus
from workbench.uds.tester import EXTENDED, PROGRAMMING, VehicleTester

STREAM = random.Random(1).randbytes(5_000)
DIGEST = hashlib.sha256(STREAM).digest()


class BenchBus(can.BusABC):
    """The bus of a bench: whoever waits on it lets the bench's time go on."""

    def __init__(self, bench):
        super().__init__("bench")
        self._bench = bench
        self._frames = []
        self.loses = lambda: False
        self.lost = 0
        bench.tester.take = lambda data, now_ms: self._pass(bytes(data))

    def _pass(self, data):
        self.lost += (loses := self.loses())
        if not loses:
            self._frames.append(data)

    def send(self, msg, timeout=None):
        self.lost += (loses := self.loses())
        if not loses:
            self._bench.tester.sends.append((msg.arbitration_id, bytes(msg.data)))

    def _recv_internal(self, timeout):
        for _ in range(int((timeout or 0) * 1000)):
            if self._frames:
                break
            self._bench.turn()
        if not self._frames:
            return None, True
        return can.Message(
            arbitration_id=0x7E8, data=self._frames.pop(0), is_extended_id=False
        ), True


def sign(vehicle, challenge, action, args):
    assert vehicle == VEHICLE
    return by_owner(challenge, action, args)


@pytest.fixture
def clock(monkeypatch):
    """Of everything that waits: that of the bench."""
    now = [None]
    monkeypatch.setattr("time.monotonic", lambda: now[0].now_ms / 1000 if now[0] else 0.0)
    monkeypatch.setattr("time.perf_counter", lambda: now[0].now_ms / 1000 if now[0] else 0.0)
    monkeypatch.setattr("time.perf_counter_ns", lambda: now[0].now_ms * 10**6 if now[0] else 0)
    monkeypatch.setattr("time.time", lambda: now[0].now_ms / 1000 if now[0] else 0.0)
    monkeypatch.setattr("time.sleep", lambda seconds: now[0].run(int(seconds * 1000)))
    return now


@pytest.fixture
def bench(tmp_path, clock):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    made = DiagnosisBench(f"{tmp_path}/")
    made.updates = fit(made.vcu)
    made.run(1_500)
    clock[0] = made
    return made


@pytest.fixture
def bus(bench):
    made = BenchBus(bench)
    yield made
    made.shutdown()


@pytest.fixture
def tester(bus):
    with VehicleTester(bus) as made:
        yield made


def test_identify(tester):
    found = tester.identify()
    assert (found["vehicle"], found["software_version"], found["serial_number"]) == (
        VEHICLE, "0.1.0", "0b0a0d",
    )  # fmt: skip
    assert found["pack_voltage"] == 52_000 and found["speed"] == 0 and found["supply"] is None
    assert "node_code" not in found


def test_trouble_codes_in_words(bench, tester):
    assert tester.troubles() == []
    bench.speed(-600)
    bench.nodes["MC_Heartbeat"].signals = None
    bench.run(3_500)
    (trouble,) = tester.troubles()
    assert (trouble.code, trouble.is_present, trouble.is_confirmed) == ("U0110-87", True, True)
    assert (trouble.occurrences, trouble.starts_since) == (1, 0)
    assert trouble.freeze["speed"] == -600 and trouble.freeze["supply"] is None
    assert trouble.freeze["node_code"] == 0x1_0000
    assert trouble.says() == "The motor controller is silent"
    assert trouble.says("fr") == "Le contrôleur moteur ne répond plus"
    assert "plug" in trouble.advice
    with pytest.raises(UdsRefusedError, match="nobody who may has allowed it"):
        tester.clear()
    bench.speed(0)
    bench.run(1_000)
    tester.unlock(sign)
    tester.clear()
    bench.run(100)
    assert [(t.code, t.occurrences) for t in tester.troubles()] == [("U0110-87", 1)]
    bench.nodes["MC_Heartbeat"].signals = {"State": 2}
    bench.run(8_000)
    tester.unlock(sign)
    tester.clear()
    assert tester.troubles() == []


def test_a_signature_that_the_vehicle_does_not_obey_is_named(tester):
    def forged(vehicle, challenge, action, args):
        return by_owner(challenge, action, args, signer=STRANGER)

    with pytest.raises(PresentationRefusedError, match="SIGNATURE") as caught:
        tester.unlock(forged)
    assert explain(caught.value).exit == Exit.REFUSED
    assert tester.read("refusal") == refusal.SIGNATURE and tester.read("diagnosis_left") == 0


def test_an_update_arrives_whole(bench, tester):
    seen = []
    uds_update.install(
        tester, STREAM, DIGEST, sign, progress=lambda done, total: seen.append((done, total))
    )
    assert bench.updates.activated and bench.updates._data == STREAM
    assert seen[0] == (0, 5_000) and seen[-1] == (5_000, 5_000) and seen == sorted(seen)
    assert sum(cycle.missed for cycle in bench.vcu.cycles) == 0


def test_it_goes_on_where_it_broke_off(bench, tester):
    class UnpluggedError(Exception):
        pass

    def unplug(done, total):
        if done >= 2_000:
            raise UnpluggedError

    with pytest.raises(UnpluggedError):
        uds_update.install(tester, STREAM, DIGEST, sign, progress=unplug)
    assert bench.updates.offset >= 2_000
    bench.run(6_000)
    seen = []
    uds_update.install(tester, STREAM, DIGEST, sign, progress=lambda done, _: seen.append(done))
    assert seen[0] >= 2_000 and bench.updates.activated and bench.updates._data == STREAM


@pytest.mark.parametrize("seed", range(2))
def test_a_bus_that_loses_frames_costs_time_and_no_byte(bench, bus, tester, seed):
    draw = random.Random(seed)
    bus.loses = lambda: draw.random() < 0.002
    uds_update.install(tester, STREAM, DIGEST, sign)
    assert bench.updates.activated and bench.updates._data == STREAM and bus.lost


def test_a_release_that_is_not_taken_is_refused_in_words(bench, tester):
    with pytest.raises(UpdateRefusedError, match="DIGEST") as caught:
        uds_update.install(tester, STREAM[:-1] + b"\0", DIGEST, sign)
    assert explain(caught.value).exit == Exit.REFUSED and not bench.updates.activated
    bench.updates.begin = lambda size, now_ms: update.BATTERY
    with pytest.raises(UpdateRefusedError, match=r"30 %.*BATTERY"):
        uds_update.install(tester, STREAM, DIGEST, sign)


def test_a_vehicle_that_rolls_is_left_alone(bench, tester):
    bench.speed(3_000)
    bench.run(200)
    with pytest.raises(UdsRefusedError, match="not locked, not standing"):
        uds_update.install(tester, STREAM, DIGEST, sign)
    assert bench.updates.offset == 0


def rolls(bench, *spans):
    """The vehicle moves in these spans of milliseconds from now, and stands else."""
    turn, begin_ms = bench.turn, bench.now_ms

    def turned():
        at_ms = bench.now_ms - begin_ms
        bench.speed(200 if any(begin <= at_ms < end for begin, end in spans) else 0)
        turn()

    bench.turn = turned


def test_a_vehicle_that_comes_to_a_stand_is_waited_for(bench, tester, monkeypatch):
    """As after a self-test of its bus, or a lost frame: it is parked, and does not know it yet."""
    from vcu import selftest

    monkeypatch.setattr(selftest, "running", lambda vehicle, now_ms: [(1, "flash", 0, 7, "")])
    tester.unlock(sign)
    for ask in (tester.self_test, tester.clear, tester.reset):
        rolls(bench, (0, 700))
        bench.run(200)
        ask()
    assert tester.self_test() == [(1, 0, 7)]
    rolls(bench, (0, 2_500))
    bench.run(200)
    uds_update.install(tester, STREAM, DIGEST, sign)
    assert bench.updates.activated and bench.updates._data == STREAM


def test_one_that_does_not_stand_is_refused_after_a_while(bench, tester):
    tester.unlock(sign)
    rolls(bench, (0, 600_000))
    bench.run(200)
    for ask in (tester.self_test, tester.clear, tester.reset):
        begin_ms = bench.now_ms
        with pytest.raises(UdsRefusedError, match="not locked, not standing"):
            ask()
        assert 3_000 <= bench.now_ms - begin_ms < 6_000


def test_a_push_while_it_is_sent_costs_time_and_no_byte(bench, tester):
    asked, seen = [], []

    def note(vehicle, challenge, action, args):
        asked.append(action)
        return by_owner(challenge, action, args)

    def push(done, total):
        seen.append(done)
        if len(seen) == 2:
            rolls(bench, (0, 900))

    uds_update.install(tester, STREAM, DIGEST, note, progress=push)
    assert bench.updates.activated and bench.updates._data == STREAM
    assert 1 <= len(asked) <= uds_update.ATTEMPTS and seen[-1] == len(STREAM)


@pytest.mark.parametrize("ends", [True, False], ids=["session ended", "session stays"])
def test_a_push_before_the_start_has_it_checked_once_more(bench, tester, monkeypatch, ends):
    checked = []
    check = uds_update._check

    def then_push(one):
        checked.append(check(one))
        if len(checked) == 1:
            rolls(bench, (0, 300))
            bench.speed(200)
            bench.run(30)
        return checked[-1]

    monkeypatch.setattr(uds_update, "_check", then_push)
    assert tester.read("parked")
    if not ends:  # the vehicle refuses the start itself
        monkeypatch.setattr(bench.vcu.diagnosis.desk, "is_parked", lambda: True)
    uds_update.install(tester, STREAM, DIGEST, sign)
    assert checked == [0, 0] and bench.updates.activated


def test_a_start_that_is_never_taken_is_refused_with_the_reason(bench, tester):
    bench.updates.activate = lambda now_ms: update.MOVING
    with pytest.raises(UpdateRefusedError, match="MOVING"):
        uds_update.install(tester, STREAM, DIGEST, sign)


def test_going_back_and_a_reset(bench, tester):
    with pytest.raises(UdsRefusedError):
        uds_update.roll_back(tester)
    tester.unlock(sign)
    uds_update.roll_back(tester)
    assert bench.updates.rolled_back
    tester.enter(EXTENDED)
    tester.reset()
    assert bench.vcu.diagnosis.desk.wants_reset(bench.now_ms + 1_000)
    tester.enter(PROGRAMMING)


def test_silence_is_an_error_and_no_wait_for_ever(bus, tester):
    bus.loses = lambda: True
    with pytest.raises(SilentVehicleError) as caught:
        tester.identify()
    failure = explain(caught.value)
    assert failure.exit == Exit.NO_REPLY and "60 ohms" in failure.next


def test_a_bus_that_is_not_there(bus, tester):
    for channel in ("socket://127.0.0.1:9", "/dev/no-such-adapter", "no-such-interface"):
        with pytest.raises(BusError):
            open_bus(channel)

    def gone(timeout):
        raise can.CanOperationError("unplugged")

    bus._recv_internal = gone
    with pytest.raises(BusError, match="unplugged"):
        tester.read("vehicle")


def test_the_signer_gets_the_action_and_its_arguments(tester):
    asked = []

    def note(vehicle, challenge, action, args):
        asked.append((action, args, len(challenge)))
        return by_owner(challenge, action, args)

    uds_update.install(tester, STREAM, DIGEST, note)
    tester.unlock(note)
    assert asked == [(command.UPDATE, {0: DIGEST}, 16), (command.DIAGNOSE, {}, 16)]
