"""The drive on the whole vehicle: what a rider, the nodes and couriers bring about on the bus."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signer import OWNER, by_booking, by_owner, by_rider
from vcu import session
from vcu_bench import Bench, Node, identity

from protocol import command, grant, lock, record, refusal
from protocol.errors import DecodeError

DONE = (record.ANSWER, record.DONE)


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    made = Bench(f"{tmp_path}/")
    made.run(1_500)
    return made


def current(bench):
    return bench.gateway.challenges[-1][0]


def unlock(bench, limits=None):
    asked = by_booking(current(bench), limits=limits) if limits else by_owner(current(bench))
    assert bench.present(asked) == DONE


def drive_off(bench, speed_mmps=0, limits=None):
    unlock(bench, limits)
    bench.inputs(1, 1, 1)
    bench.run(100)
    bench.inputs(1, 0, 1)
    for speed in range(0, speed_mmps + 1, 100):
        bench.speed(speed)
        bench.run(20)


def shown(bench):
    return bench.drives[-1][1]


def plug(bench, plugged):
    bench.nodes.setdefault("CHG_Status", Node("CHG_Status", {})).signals = {"Plugged": plugged}
    bench.run(1_100)  # it is kept once a second


def test_what_the_rider_does_before_the_unlock_does_not_count(bench):
    bench.inputs(1, 1, 1)
    bench.run(100)
    bench.nodes["HMI_Inputs"].signals = None
    unlock(bench)
    bench.run(150)
    assert not bench.enabled() and bench.vcu.drive.lock == lock.READY


def test_each_missing_step_of_the_start_is_named(bench):
    unlock(bench)
    for inputs, reason in (
        ((0, 0, 0), lock.DRIVE_KEY_OFF),
        ((1, 0, 0), lock.DRIVE_GEAR),
        ((1, 0, 2), lock.DRIVE_BRAKE),
    ):
        bench.inputs(*inputs)
        bench.run(120)
        assert shown(bench)["Reason"] == reason and not shown(bench)["Enable"]
    bench.inputs(1, 1, 2)
    bench.run(120)
    assert shown(bench)["Enable"] and shown(bench)["Direction"] == 2


def test_no_start_with_the_charger_plugged_even_if_it_falls_silent(bench):
    plug(bench, 1)
    unlock(bench)
    bench.inputs(1, 1, 1)
    bench.run(200)
    assert shown(bench)["Reason"] == lock.DRIVE_CHARGER and not bench.enabled()
    bench.nodes["CHG_Status"].signals = None
    bench.run(2_500)
    assert not bench.enabled()
    plug(bench, 0)
    assert bench.enabled()


def test_a_plug_while_moving_warns_and_ends_drive_at_standstill(bench):
    drive_off(bench, 5_000)
    plug(bench, 1)
    assert shown(bench)["Enable"] and shown(bench)["Warning"] & lock.WARN_CHARGER
    bench.stop(5_000)
    bench.run(700)
    assert not shown(bench)["Enable"] and shown(bench)["Reason"] == lock.DRIVE_CHARGER
    assert bench.kinds(record.LOCK)[-1] == {0: lock.READY, 1: lock.DRIVE, 2: lock.CHARGER}
    plug(bench, 0)
    assert not shown(bench)["Enable"] and shown(bench)["Reason"] == lock.DRIVE_BRAKE
    bench.inputs(1, 1, 1)
    bench.run(100)
    assert shown(bench)["Enable"]


@pytest.mark.parametrize("name", ["MC_Heartbeat", "BMS_Heartbeat", "HMI_Heartbeat"])
def test_no_start_without_a_node_that_it_takes(bench, name):
    """As docs/lifecycle.md says; a ride that runs goes on."""
    bench.nodes["BMS_Heartbeat"] = Node("BMS_Heartbeat", {"State": 2})
    bench.run(1_500)
    bench.nodes[name].signals = None
    bench.run(3_000)
    unlock(bench)
    bench.inputs(1, 1, 1)
    bench.run(1_000)
    assert not bench.enabled() and shown(bench)["Reason"] == lock.DRIVE_NODE_FAULT
    bench.nodes[name].signals = {"State": 2}
    bench.run(2_000)
    assert shown(bench)["Enable"]
    bench.nodes[name].signals = None
    bench.run(5_000)
    assert shown(bench)["Enable"] and shown(bench)["Mode"] == 1


@pytest.mark.parametrize("name", ["MC_Status1", "HMI_Inputs", "BMS_Pack", "MC_Heartbeat"])
def test_a_silent_node_never_ends_drive(bench, name):
    drive_off(bench, 8_000)
    bench.nodes[name].signals = None
    seen = len(bench.drives)
    bench.run(20_000)
    assert all(signals["Enable"] for _, signals in bench.drives[seen:]) and shown(bench)["Enable"]
    if name in ("MC_Status1", "HMI_Inputs"):
        assert shown(bench)["Mode"] == 1 and shown(bench)["TorqueCap_pct"] == 40
        assert shown(bench)["Direction"] == 1 and shown(bench)["Warning"] & lock.WARN_LIMP


def test_a_dash_that_dies_leads_to_limp_gently(bench):
    drive_off(bench, 10_000)
    bench.nodes["HMI_Inputs"].signals = None
    begin = len(bench.drives)
    bench.run(10_000)
    torques = [signals["TorqueCap_pct"] for _, signals in bench.drives[begin:]]
    assert torques == sorted(torques, reverse=True) and torques[-1] == 40
    assert max(a - b for a, b in itertools.pairwise(torques)) <= 1
    # Well above the cap, which then falls by half a metre a second each second.
    assert 2_800 < shown(bench)["SpeedCap_mmps"] < 8_000
    bench.run(20_000)
    assert shown(bench)["SpeedCap_mmps"] == 2_800


def test_a_dash_that_dies_in_a_curve_raises_no_cap(tmp_path):
    """On a vehicle whose numbers nobody knows, which is slower in a curve than limp."""
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    (tmp_path / "config").write_bytes(b"")
    bench = Bench(f"{tmp_path}/")
    bench.run(1_500)
    drive_off(bench, 1_500)
    bench.nodes["HMI_Inputs"].signals |= {"SteeringAngle_cdeg": 4_500}
    bench.run(3_000)
    cap_mmps = shown(bench)["SpeedCap_mmps"]
    assert shown(bench)["Reason"] == lock.DRIVE_TIP_OVER and 1_000 < cap_mmps < 2_000
    bench.nodes["HMI_Inputs"].signals = None
    seen = len(bench.drives)
    bench.run(5_000)
    assert shown(bench)["Reason"] == lock.DRIVE_INPUTS_STALE and shown(bench)["Enable"]
    assert max(signals["SpeedCap_mmps"] for _, signals in bench.drives[seen:]) <= cap_mmps


def test_a_lock_while_moving_waits(bench):
    drive_off(bench, 5_000)
    asked = by_owner(current(bench), command.LOCK)
    assert bench.present(asked) == (record.ANSWER, record.PENDING)
    bench.run(3_000)
    assert shown(bench)["Enable"] and shown(bench)["Reason"] == lock.DRIVE_LOCK_PENDING
    bench.stop(5_000)
    bench.run(700)
    assert bench.vcu.drive.lock == lock.LOCKED and not shown(bench)["Enable"]
    assert bench.present(by_owner(current(bench), command.LOCK)) == DONE


def test_a_second_unlock_and_a_held_session_are_refused_with_a_reason(bench):
    drive_off(bench)
    bench.inputs(0, 0, 0)
    bench.run(700)
    assert bench.kinds(record.LOCK)[-1][2] == lock.KEY_OFF
    assert bench.present(by_owner(current(bench))) == (record.REFUSAL, refusal.STATE)


def test_limits_of_the_grant_show_as_beginner(bench):
    drive_off(bench, 1_000, {grant.MAX_SPEED_MMPS: 3_000})
    assert shown(bench)["SpeedCap_mmps"] == 3_000 and shown(bench)["Mode"] == 3
    assert shown(bench)["Reason"] == lock.DRIVE_GRANT_LIMIT


def test_the_pins_follow_the_kernel(bench):
    assert bench.board.outputs.lock == lock.LOCKED and not bench.board.outputs.enable
    bench.nodes["HMI_Inputs"].signals = {"Lights": 1, "Horn": 1}
    bench.run(100)
    assert bench.board.outputs.lights and bench.board.outputs.horn
    drive_off(bench)
    assert bench.board.outputs.enable and bench.board.outputs.lock == lock.DRIVE


def test_the_bolt_waits_for_the_standstill_after_a_start(bench):
    """A vehicle that rolls when its controller starts, whatever the reset, is not bolted."""
    bench.run(3_000)  # a speed of 0, confirmed
    assert bench.board.bolt
    bench.speed(None)  # its word is gone, the bolt is not
    bench.run(3_000)
    assert bench.board.bolt
    for speed_mmps in (None, 4_000):
        again = Bench(bench.board.folder)
        again.nodes = bench.nodes
        again.speed(speed_mmps)
        again.run(5_000)
        assert again.vcu.drive.lock == lock.LOCKED and not again.board.bolt
        again.stop(speed_mmps or 0)
        again.run(400)
        assert not again.board.bolt
        again.run(300)
        assert again.board.bolt
        again.vcu.drive.unlock({}, again.now_ms)
        again.run(100)
        assert not again.board.bolt


def test_commands_at_every_moment_of_a_ride_change_nothing_that_moves(bench):
    """Forged, replayed, for another vehicle, locks: drive stays until the vehicle stands."""
    drive_off(bench, 6_000)
    seen = len(bench.drives)
    for asked in (
        by_owner(bytes(16)),
        by_rider(current(bench), command.LOCK, vehicle="tf-0002"),
        bytes(range(200)),
        b"\x83\x99\x0f\xf0" + b"\x80" * 4080,
    ):
        assert bench.present(asked)[0] == record.REFUSAL
    for action, args in (
        (command.RAISE_GENERATION, {0: 9}),
        (command.LOCK, {}),
        (command.LOCK, {}),
    ):
        assert bench.present(by_owner(current(bench), action, args))[0] == record.ANSWER
    bench.run(5_000)
    assert all(signals["Enable"] for _, signals in bench.drives[seen:])


def restarted(bench, cause):
    """The controller starts again in the same vehicle, whose nodes went on meanwhile."""
    again = Bench(bench.board.folder, reset_cause=cause)
    again.nodes = bench.nodes
    again.run(1_500)
    return again


@pytest.mark.parametrize("cause", [3, 6])
def test_a_reset_in_motion_does_not_end_the_ride(bench, cause):
    drive_off(bench, 6_000, {grant.MAX_SPEED_MMPS: 7_000})
    again = restarted(bench, cause)
    assert all(signals["Enable"] for _, signals in again.drives) and again.drives
    assert again.kinds(record.LOCK)[-1] == {0: lock.DRIVE, 1: lock.LOCKED, 2: lock.RESUMED}
    again.run(6_000)
    assert shown(again)["SpeedCap_mmps"] <= 7_000 and shown(again)["Mode"] == 3
    again.stop(6_000)
    again.run(700)
    assert not shown(again)["Enable"] and shown(again)["Reason"] == lock.DRIVE_BRAKE
    again.inputs(1, 1, 1)
    again.run(100)
    assert shown(again)["Enable"]


@pytest.mark.parametrize("cause", [0, 1, 2, 4, 5])
def test_no_other_start_takes_a_ride_up(bench, cause):
    drive_off(bench, 6_000)
    assert not restarted(bench, cause).enabled()
    # And it is over: a crash behind it brings nothing back.
    assert not restarted(bench, 6).enabled()


def test_a_ride_that_was_ended_does_not_come_back(bench):
    drive_off(bench)
    assert bench.present(by_owner(current(bench), command.LOCK)) == DONE
    assert bench.vcu.state.session == b""
    assert not restarted(bench, 3).enabled()


@pytest.mark.parametrize("cause", [3, 6])
def test_a_lock_that_waits_is_not_lost_in_a_reset(bench, cause):
    """Or whoever makes the controller crash keeps a vehicle that its owner has locked."""
    drive_off(bench, 6_000, {grant.MAX_SPEED_MMPS: 7_000})
    asked = by_owner(current(bench), command.LOCK)
    assert bench.present(asked) == (record.ANSWER, record.PENDING)
    again = restarted(restarted(bench, cause), cause)
    assert all(signals["Enable"] for _, signals in again.drives) and again.drives
    assert again.vcu.drive.lock == lock.LOCK_PENDING
    assert again.vcu.drive.limits == {grant.MAX_SPEED_MMPS: 7_000}
    again.stop(6_000)
    again.run(700)
    assert again.vcu.drive.lock == lock.LOCKED and not shown(again)["Enable"]
    assert not restarted(again, cause).enabled()


@pytest.mark.parametrize("cause", [3, 6])
@pytest.mark.parametrize("locked_while_pushed", [False, True])
def test_a_reset_gives_no_drive_to_who_had_none(bench, cause, locked_while_pushed):
    """Key off, the charger in, or pushed: a session that waits for the rider starts nothing."""
    drive_off(bench)
    bench.inputs(0, 0, 0)
    bench.run(700)
    assert bench.vcu.drive.lock == lock.READY
    plug(bench, 1)
    if locked_while_pushed:
        bench.speed(1_000)
        bench.run(100)
        asked = by_owner(current(bench), command.LOCK)
        assert bench.present(asked) == (record.ANSWER, record.PENDING)
    assert not restarted(bench, cause).enabled()


def test_a_flash_that_fails_once_does_not_keep_a_ride_alive(bench):
    drive_off(bench)
    store = bench.vcu.store
    bench.vcu.store = FullStore()
    assert bench.present(by_owner(current(bench), command.LOCK)) == DONE
    bench.vcu.store = store
    bench.run(1_100)
    assert not restarted(bench, 6).enabled()


class FullStore:
    def save(self, state):
        raise OSError(28)


def test_a_resumed_beginner_is_never_told_more_than_the_grant(bench):
    drive_off(bench, 2_000, {grant.MAX_SPEED_MMPS: 3_000})
    bench.nodes["MC_Status1"].signals = None
    again = restarted(bench, 3)
    assert 2_800 <= max(signals["SpeedCap_mmps"] for _, signals in again.drives) <= 3_000


def test_a_gear_that_passes_neutral_turns_nothing_round_at_speed(bench):
    drive_off(bench, 6_000)
    seen = len(bench.drives)
    for gear in (0, 2, 0, 2):
        bench.inputs(1, 0, gear)
        bench.run(200)
    assert {signals["Direction"] for _, signals in bench.drives[seen:]} == {0}
    assert shown(bench)["Enable"] and shown(bench)["Warning"] & lock.WARN_DIRECTION
    bench.stop(6_000)
    bench.run(100)
    assert shown(bench)["Direction"] == 2 and shown(bench)["Enable"]


@given(st.binary(max_size=80))
def test_only_its_own_error_for_any_stored_session(data):
    with contextlib.suppress(DecodeError):
        assert session.encode(*session.decode(data)) == data


def test_a_minimal_start_unlocks_drives_and_releases_the_door(tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    made = Bench(f"{tmp_path}/", minimal=True)
    made.nodes["HMI_Keys"] = Node("HMI_Keys", {"Egress": 1})
    made.run(1_500)
    assert made.board.door
    drive_off(made, 3_000)
    assert shown(made)["Enable"]
    assert not made.kinds(record.TELEMETRY) and made.kinds(record.EGRESS)
