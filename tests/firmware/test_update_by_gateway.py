"""The gateway's tester against the vehicle's own UDS server: look first, resume, refuse, wait."""

import hashlib

import pytest
from signer import OWNER
from uds_bench import DiagnosisBench
from uds_updates import fit
from vcu_bench import identity

from edge_gateway.updates import tester as tester_module
from edge_gateway.updates.errors import VehicleError, WaitError
from edge_gateway.updates.install import install
from protocol import delivery, update

STREAM = bytes(range(256)) * 20  # 5,120 bytes: five blocks
DIGEST = hashlib.sha256(STREAM).digest()


class BenchPort:
    """A Port whose bus is the bench; `deaf` answers never come."""

    def __init__(self, bench):
        self.bench = bench
        self.asked = []
        self.deaf = 0
        self._answers = []

    def send(self, message):
        self.asked.append(bytes(message))
        self._answers = self.bench.ask(message, 5_000)
        if self.deaf:
            self.deaf -= 1
            self._answers = []

    def wait(self, timeout_s):
        return bytes(self._answers.pop(0)) if self._answers else None

    def clear(self):
        self._answers = []


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    made = DiagnosisBench(f"{tmp_path}/")
    made.updates = fit(made.vcu)
    made.run(1_500)
    return made


@pytest.fixture
def port(bench):
    return BenchPort(bench)


def hand_over(port, stream=STREAM, ended=lambda: False):
    """The bytes that the vehicle had after each block."""
    seen = []
    with tester_module.Tester(port) as tester:
        install(tester, stream, seen.append, ended)
    return seen


def test_a_release_that_was_allowed_is_handed_over_and_started(bench, port):
    bench.updates.allow(DIGEST, 0)
    assert hand_over(port) == [1_024, 2_048, 3_072, 4_096, 5_120]
    assert bench.updates.activated and bench.updates.outcome == update.DONE


def test_what_the_vehicle_has_is_not_sent_again(bench, port):
    bench.updates.allow(DIGEST, 0)
    sent = []
    with pytest.raises(VehicleError) as cut, tester_module.Tester(port) as tester:
        install(tester, STREAM, sent.append, lambda: len(sent) == 2)
    assert cut.value.code == delivery.NO_LINK and sent == [1_024, 2_048]
    bench.run(6_000)  # its session is over meanwhile
    assert hand_over(port) == [3_072, 4_096, 5_120]
    assert bench.updates.activated


def test_a_lost_answer_costs_one_block_more_and_nothing_else(bench, port):
    bench.updates.allow(DIGEST, 0)

    def lose_one():
        port.deaf = int(len(port.asked) == 7)  # the answer to the second block
        return False

    assert hand_over(port, ended=lose_one) == [1_024, 2_048, 3_072, 4_096, 5_120]
    assert len([one for one in port.asked if one[:2] == b"\x36\x02"]) == 2
    assert bench.updates.activated


def test_it_waits_for_the_command_for_standstill_and_for_charge(bench, port):
    with pytest.raises(WaitError) as waits:
        hand_over(port)
    assert waits.value.code == update.NOT_ALLOWED
    bench.updates.allow(DIGEST, 0)
    bench.nodes["BMS_Pack"].signals = {"Voltage_mV": 52_000, "Soc_permille": 299}
    bench.run(1_500)
    port.asked.clear()
    with pytest.raises(WaitError) as waits:
        hand_over(port)
    assert waits.value.code == update.BATTERY
    bench.nodes["BMS_Pack"].signals = None
    bench.run(3_000)
    with pytest.raises(WaitError) as waits:
        hand_over(port)  # nobody knows: as if it were empty
    assert waits.value.code == update.BATTERY
    bench.nodes["BMS_Pack"].signals = {"Voltage_mV": 52_000, "Soc_permille": 300}
    bench.speed(1_000)
    bench.run(200)
    with pytest.raises(WaitError) as waits:
        hand_over(port)
    assert waits.value.code == update.MOVING
    assert all(one[:1] == b"\x22" for one in port.asked)  # it only looked
    bench.stop(1_000)
    bench.run(1_500)
    assert hand_over(port)[-1] == len(STREAM)


def test_what_the_vehicle_refuses_is_told_by_its_own_code(bench, port):
    bench.updates.allow(DIGEST, 0)
    bench.updates.code = update.SIGNATURE
    with pytest.raises(VehicleError) as refused:
        hand_over(port)
    assert refused.value.code == update.SIGNATURE
    bench.updates.allow(hashlib.sha256(b"another").digest(), 0)
    with pytest.raises(VehicleError) as refused:
        hand_over(port)
    assert refused.value.code == update.DIGEST
    assert not bench.updates.activated


def test_a_vehicle_that_is_not_there_is_no_refusal(bench, port, monkeypatch):
    monkeypatch.setattr(tester_module, "_ANSWER_S", 0.05)
    port.deaf = 1_000
    with pytest.raises(VehicleError) as silent:
        hand_over(port)
    assert silent.value.code == delivery.NO_LINK
