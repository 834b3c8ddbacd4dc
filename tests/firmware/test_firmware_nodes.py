"""Each node silent, alone and in pairs, on the whole vehicle: what the table of degrade.py says."""

import itertools

import pytest
from signer import OWNER
from vcu import degrade
from vcu.degrade import GW, LIMP, NO_ACK, NO_START, NODES, UNKNOWN_SPEED
from vcu_bench import Bench, Node, identity

from protocol import lock, record

DONE = (record.ANSWER, record.DONE)
SILENT_MS = 3_500  # longer than any receiver's timeout
QUIET = {"Key": 0, "Brake": 0, "Gear": 0}
SPOKEN = {
    "MC_Status1": {"Speed_mmps": 0},
    "BMS_Pack": {"Soc_permille": 800},
    "CHG_Status": {"Plugged": 0},
    "HMI_Inputs": QUIET,
    "GNSS_Status": {"Fix": 3},
    **{f"{name}_Heartbeat": {"State": 2} for name in NODES},
}
CASES = [bits for n in (1, 2) for bits in itertools.combinations(range(len(NODES)), n)]


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    made = Bench(f"{tmp_path}/")
    made.nodes = {name: Node(name, dict(signals)) for name, signals in SPOKEN.items()}
    made.run(2_500)
    assert not made.vcu.drive.nodes
    return made


def silence(bench, numbers):
    for name, node in bench.nodes.items():
        if name.split("_")[0] in [NODES[number] for number in numbers]:
            node.signals = None
    if GW in [1 << number for number in numbers]:
        bench.gateway.listens = bench.gateway.stores = False
    bench.run(SILENT_MS)


def missing(numbers):
    return sum(1 << number for number in numbers)


def start(bench):
    """The rider's action; a dash that is silent says nothing of it."""
    if bench.nodes["HMI_Inputs"].signals is not None:
        bench.inputs(1, 1, 1)
    bench.run(200)


def unlocked(bench):
    # Asked of the drive itself: a gateway may be among those who are silent.
    bench.vcu.drive.unlock({}, bench.now_ms)
    bench.run(100)


def shown(bench):
    return bench.drives[-1][1]


@pytest.mark.parametrize("numbers", CASES)
def test_on_the_road_drive_stays_and_the_mode_is_that_of_the_table(bench, numbers):
    unlocked(bench)
    start(bench)
    bench.inputs(1, 0, 1)
    for speed_mmps in range(0, 5_001, 100):
        bench.speed(speed_mmps)
        bench.run(20)
    assert shown(bench)["Enable"] and shown(bench)["Mode"] == 2
    seen = len(bench.drives)
    silence(bench, numbers)
    effects = degrade.effects(missing(numbers))
    assert bench.vcu.drive.nodes == missing(numbers)
    assert all(signals["Enable"] for _, signals in bench.drives[seen:])
    assert shown(bench)["Mode"] == (1 if effects & LIMP else 2)
    assert bool(shown(bench)["Warning"] & lock.WARN_LIMP) is bool(effects & degrade.WARN)
    # Nobody cuts drive while it moves, and it moves until its speed says that it stands.
    assert not bench.vcu.drive.end(bench.now_ms)
    if effects & NO_ACK:
        assert bench.vcu.outbox.is_awaited(bench.now_ms)
    if bench.nodes["MC_Status1"].signals is not None:
        bench.stop(5_000)
    bench.run(2_000)
    pending = lock.LOCK_PENDING if effects & UNKNOWN_SPEED else lock.LOCKED
    assert bench.vcu.drive.lock == pending


@pytest.mark.parametrize("numbers", CASES)
def test_a_new_start_is_refused_where_the_table_says_so(bench, numbers):
    silence(bench, numbers)
    unlocked(bench)
    start(bench)
    refused = bool(degrade.effects(missing(numbers)) & NO_START)
    assert bool(shown(bench)["Enable"]) is not refused
    if refused:
        reasons = {lock.DRIVE_INPUTS_STALE, lock.DRIVE_SPEED_STALE, lock.DRIVE_NODE_FAULT}
        assert shown(bench)["Reason"] in reasons


def restarted(bench, heard=None):
    """The controller starts again; the charger's node says this of the plug, None nothing."""
    again = Bench(bench.board.folder)
    again.nodes = bench.nodes
    charger = again.nodes["CHG_Status"]
    charger.signals = None if heard is None else {"Plugged": heard}
    again.run(2_500)
    return again


def may_start(bench):
    unlocked(bench)
    start(bench)
    found = bool(shown(bench)["Enable"])
    bench.inputs(0, 0, 0)
    bench.run(700)
    bench.vcu.drive.end(bench.now_ms)
    assert bench.vcu.drive.lock == lock.LOCKED
    return found


def test_a_plug_is_a_plug_after_a_restart_until_the_charger_says_otherwise(bench):
    bench.nodes["CHG_Status"].signals = {"Plugged": 1}
    bench.run(2_000)
    again = restarted(bench)
    assert again.vcu.nodes.plugged and again.vcu.signals.fresh("CHG_Status", again.now_ms) is None
    assert not may_start(again)
    again = restarted(again)  # and after the next one
    assert not may_start(again)
    again = restarted(again, heard=0)
    assert may_start(again)
    again.run(2_000)
    assert may_start(restarted(again))


def test_from_the_first_moment_of_a_start(bench):
    bench.nodes["CHG_Status"].signals = {"Plugged": 1}
    bench.run(2_000)
    again = Bench(bench.board.folder)
    assert again.vcu.drive.nodes & degrade.PLUGGED


def test_a_vehicle_whose_charger_was_never_heard_may_start(bench, tmp_path):
    del bench.nodes["CHG_Status"]
    again = Bench(bench.board.folder)
    again.nodes = bench.nodes
    again.run(2_500)
    assert may_start(again)


def test_a_plug_that_comes_and_goes_does_not_wear_the_flash(bench):
    saved, save = [], bench.vcu.store.save
    bench.vcu.store.save = lambda state: saved.append(bench.now_ms) or save(state)
    for second in range(130):
        bench.nodes["CHG_Status"].signals = {"Plugged": second % 2}
        bench.run(1_000)
    assert 2 <= len(saved) <= 3
    # What it says in the end is kept in the end.
    bench.nodes["CHG_Status"].signals = {"Plugged": 1}
    bench.run(62_000)
    assert Bench(bench.board.folder).vcu.nodes.plugged
