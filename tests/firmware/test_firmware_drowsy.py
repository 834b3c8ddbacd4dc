"""A vehicle at rest: what it says before it falls silent, what is no fault, and what wakes it."""

import pytest
from keeper_bench import Asleep, keep, keeper_bench, load_app, silence
from signer import STRANGER, by_owner
from vcu import faults, power, telemetry
from vcu_bench import Bench, Node

from protocol import command, link, lock, record, refusal

REST = 20  # the key in a sample
DONE = (record.ANSWER, record.DONE)
CYCLIC = {"VCU_Drive", "VCU_Lock", "VCU_Panel", "VCU_Heartbeat"}


@pytest.fixture
def app(monkeypatch):
    return load_app(monkeypatch)


@pytest.fixture
def bench(app, tmp_path, monkeypatch):
    """Drowsy, with all nodes but the gateway asleep."""
    bench = keeper_bench(app, tmp_path, monkeypatch)
    bench.run(1_500)
    bench.awake = {name: node.signals for name, node in bench.nodes.items()}
    bench.run(4_000)
    assert bench.keeper._guard.state == power.DROWSY
    for name, node in bench.nodes.items():
        if name != "GW_Heartbeat":
            node.signals = None
    bench.run(3_000)
    bench.frames.clear()
    return bench


def unlock(bench):
    return link.pack(link.PRESENTATION, by_owner(bench.gateway.challenges[-1][0]))


def wake_nodes(bench):
    for name, signals in bench.awake.items():
        bench.nodes[name].signals = signals


def run_until_spoken(bench, limit_ms=5_000):
    """As nodes do: they sleep until there is a frame of the vehicle controller."""
    begin_ms = bench.now_ms
    while not set(bench.frames) & CYCLIC:
        bench.turn()
        assert bench.now_ms - begin_ms < limit_ms
    return bench.now_ms - begin_ms


def rests(bench):
    return [body.get(REST) for body in bench.kinds(record.TELEMETRY)]


def missed(bench):
    return sum(cycle.missed for cycle in bench.vcu.cycles)


def silent_faults(bench):
    return [body for body in bench.kinds(record.FAULT) if body[1] == faults.SILENT]


def test_it_says_that_it_rests_and_then_reports_seldom(bench, monkeypatch):
    monkeypatch.setattr(telemetry, "REST_MS", 30_000)
    assert rests(bench) == [power.DROWSY]
    seen = len(rests(bench))
    bench.run(65_000)
    assert rests(bench)[seen:] == [power.DROWSY] * 2
    assert not set(bench.frames) & CYCLIC


def test_nodes_that_sleep_are_no_fault_and_one_that_does_not_wake_is(bench):
    bench.run(30_000)
    assert not silent_faults(bench)
    bench.gateway.request(unlock(bench))
    run_until_spoken(bench)
    wake_nodes(bench)
    bench.nodes["HMI_Heartbeat"].signals = None
    bench.run(2_500)
    assert not silent_faults(bench)
    bench.run(faults.WAKE_MS)
    assert silent_faults(bench) == [{0: 5, 1: faults.SILENT, 2: True}]


def test_a_fault_before_the_rest_is_not_said_to_be_over_in_it(app, tmp_path, monkeypatch):
    bench = keeper_bench(app, tmp_path, monkeypatch)
    bench.run(1_000)
    bench.nodes["MC_Heartbeat"].signals = None
    bench.run(15_000)
    assert bench.keeper._guard.state == power.DROWSY
    assert silent_faults(bench) == [{0: 2, 1: faults.SILENT, 2: True}]


def test_a_presentation_wakes_it_in_time_for_a_ride(bench):
    begin_ms = bench.now_ms
    bench.gateway.request(unlock(bench))
    run_until_spoken(bench)
    # While the signature is checked: the nodes have that long to wake.
    assert bench.vcu.drive.lock == lock.LOCKED and bench.vcu.has_work()
    wake_nodes(bench)
    bench.inputs(1, 1, 1)
    while not bench.enabled():
        bench.turn()
        assert bench.now_ms - begin_ms < 3_000
    print(f"drive {bench.now_ms - begin_ms} ms after the gateway began to send")
    assert bench.kinds(record.ANSWER)[-1][3] == record.DONE
    bench.run(1_500)
    assert rests(bench)[-1] is None
    assert missed(bench) == 0


def test_a_presentation_that_is_refused_leaves_it_as_it_was(bench):
    asked = by_owner(bench.gateway.challenges[-1][0], signer=STRANGER)
    assert bench.present(asked) == (record.REFUSAL, refusal.SIGNATURE)
    assert set(bench.frames) & CYCLIC
    bench.run(200)
    bench.frames.clear()
    bench.run(5_000)
    assert not set(bench.frames) & CYCLIC
    assert bench.keeper._guard.state == power.DROWSY and missed(bench) == 0
    assert bench.present(by_owner(bench.gateway.challenges[-1][0])) == DONE
    assert missed(bench) == 0


def test_a_command_of_another_kind_is_done_and_it_rests_on(bench):
    asked = by_owner(bench.gateway.challenges[-1][0], command.RAISE_GENERATION, {0: 4})
    assert bench.present(asked) == DONE
    bench.run(2_000)
    assert bench.vcu.rest == power.DROWSY and bench.vcu.drive.lock == lock.LOCKED


def test_a_key_of_the_panel_lights_it(bench):
    keys = {"Presses": 1, "Digit": 0}
    bench.nodes["HMI_Keys"] = Node("HMI_Keys", keys)
    bench.run(1_000)
    assert not set(bench.frames) & CYCLIC
    bench.nodes["HMI_Keys"].signals = {"Presses": 2, "Digit": 7}
    run_until_spoken(bench)
    bench.run(500)
    assert bench.frames["VCU_Panel"] >= 2
    bench.run(31_000)  # nobody finished the code
    bench.frames.clear()
    bench.run(2_000)
    assert not set(bench.frames) & CYCLIC


def test_a_vehicle_that_is_rolled_away_is_awake(bench):
    wake_nodes(bench)
    bench.run(3_000)
    assert not set(bench.frames) & CYCLIC  # they talk, and that is all
    bench.speed(1_000)
    bench.run(2_000)
    assert set(bench.frames) >= CYCLIC and bench.keeper._guard.state == power.AWAKE
    assert rests(bench)[-1] is None


def test_before_deep_sleep_the_gateway_knows(app, bench):
    bench.keeper._guard.level = power.FLAT
    app.volts_mv = 11_500
    with pytest.raises(Asleep):
        bench.run(5_000)
    assert app.asked == [(power.LOW, False)]
    assert rests(bench)[-1] == power.LOW


def test_a_gateway_that_stores_nothing_keeps_it_awake_no_longer_than_its_time(app, bench):
    bench.keeper._guard.level = power.FLAT
    app.volts_mv = 11_500
    bench.gateway.stores = False
    begin_ms = bench.now_ms
    with pytest.raises(Asleep):
        bench.run(20_000)
    waited_ms = bench.now_ms - begin_ms
    assert app.TELL_MS <= waited_ms <= app.TELL_MS + 2_100


def test_its_last_word_is_sent_after_the_sleep_if_nobody_took_it(app, bench):
    bench.gateway.listens = False
    silence(bench)
    with pytest.raises(Asleep):
        bench.run(20_000)
    assert app.asked == [(power.ASLEEP, True)]
    again = Bench(bench.board.folder, reset_cause=4)
    again.nodes["GW_Heartbeat"] = Node("GW_Heartbeat", {"State": 2})
    keep(again, app)
    again.run(5_000)
    assert power.ASLEEP in rests(again)


def test_who_asks_in_the_last_moment_is_heard(app, bench):
    """It was about to sleep deeply: the presentation is checked first, and opens it."""
    bench.keeper._guard.level = power.FLAT
    app.volts_mv = 11_500
    while bench.vcu.rest != power.LOW:
        bench.turn()
    assert bench.present(by_owner(bench.gateway.challenges[-1][0])) == DONE
    bench.run(3_000)
    assert not app.asked and bench.vcu.rest == power.AWAKE
