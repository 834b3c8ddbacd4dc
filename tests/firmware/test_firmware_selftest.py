"""The self-test beside the application: of a vehicle that is well, and of each fault."""

import os
import sys
import types

import pytest
from vcu_bench import NOW_S, Bench, Node, identity

OWNER = bytes(range(32))
ABSENT_NODE = "BMS_Pack"


class Machine(types.ModuleType):
    """A board's supply; 41,700 of 65,535 are 12.6 V."""

    def __init__(self):
        super().__init__("machine")
        self.level = 41_700

    def Pin(self, name):
        assert name == "VSENSE"
        return name

    def ADC(self, pin):
        return types.SimpleNamespace(read_u16=lambda: self.level)


@pytest.fixture
def machine(monkeypatch):
    made = Machine()
    monkeypatch.setitem(sys.modules, "machine", made)
    from vcu import start

    monkeypatch.setattr(start, "machine", made)  # loaded by an earlier test, perhaps
    return made


@pytest.fixture
def bench(tmp_path, machine):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    made = Bench(f"{tmp_path}/")
    made.run(3_000)
    return made


def asked(bench):
    from vcu import selftest

    steps = selftest.running(bench.vcu, bench.now_ms)
    assert [step[1] for step in steps] == [selftest.NAMES[step[0]] for step in steps]
    assert len({step[0] for step in steps}) == len(steps)
    return steps, selftest.is_sound(steps)


def results(steps):
    return {name: (result, value) for _, name, result, value, _ in steps}


def test_a_vehicle_that_is_well_passes_and_moved_nothing(bench):
    before = bench.board.outputs, bench.board.bolt, dict(bench.frames)
    steps, sound = asked(bench)
    found = results(steps)
    assert sound
    assert {name for name, (result, _) in found.items() if result == 1} == set()
    # CPython has no heap to ask for; everything else is possible on this bench.
    assert {name for name, (result, _) in found.items() if result == 2} == {"memory"}
    assert found["supply"][1] == 12_598
    assert found["pack"][1] == 800
    assert found["clock"][1] == NOW_S + 3
    assert "bolt" not in found and "panel" not in found and "can_loopback" not in found
    assert (bench.board.outputs, bench.board.bolt, dict(bench.frames)) == before


@pytest.mark.parametrize(
    ("break_it", "name", "keeps_the_application"),
    [
        (lambda b, m: setattr(b.vcu.outbox, "journal_failed", True), "flash", False),
        (lambda b, m: setattr(b.rtc, "moment", (2006, 1, 1, 0, 0, 0, 0, 0)), "clock", True),
        (lambda b, m: setattr(m, "level", 16_550), "supply", True),
        (lambda b, m: setattr(b.vcu.bus, "joined", False), "bus", False),
        (lambda b, m: silence(b, "MC_Status1"), "speed", True),
        (lambda b, m: silence(b, "BMS_Pack"), "pack", True),
        (lambda b, m: silence(b, "HMI_Inputs"), "dash", True),
        (lambda b, m: setattr(b.vcu, "fault", 3), "identity", False),
        (lambda b, m: setattr(b.vcu.cycles[0], "missed", 20), "cycle", False),
    ],
)
def test_each_fault_fails_by_its_name_and_the_rest_passes(
    bench, machine, break_it, name, keeps_the_application
):
    break_it(bench, machine)
    steps, sound = asked(bench)
    assert {found for found, (result, _) in results(steps).items() if result == 1} == {name}
    assert sound is keeps_the_application


def silence(bench, name):
    bench.nodes[name].signals = None
    bench.run(3_000)


def test_a_node_that_was_never_heard_is_not_fitted(tmp_path, machine):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    bench = Bench(f"{tmp_path}/")
    bench.nodes[ABSENT_NODE] = Node(ABSENT_NODE, None)
    machine.level = 0  # the sense pin with nothing on it
    bench.run(3_000)
    found = results(asked(bench)[0])
    assert (found["pack"][0], found["supply"][0]) == (2, 2)


def test_random_numbers_that_are_few_or_the_same_fail(monkeypatch, machine):
    from vcu import selftest

    assert selftest.random()[2] == selftest.PASS
    drawn = bytes(range(64))
    monkeypatch.setattr(os, "urandom", lambda size: drawn)
    assert selftest.random()[2] == selftest.FAIL  # many values, always the same
    draws = iter((bytes(64), bytes(63) + b"\x01"))
    monkeypatch.setattr(os, "urandom", lambda size: next(draws))
    assert selftest.random()[2] == selftest.FAIL
