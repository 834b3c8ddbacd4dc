"""The vehicle as app.py keeps it: healthy starts, drowsiness, sleep, the line, on the bench."""

import base64

import pytest
from keeper_bench import Asleep, keeper_bench, load_app, silence
from signer import by_owner
from vcu import power
from vcu.flash import records

from protocol import command, lock, record, refusal


@pytest.fixture
def app(monkeypatch):
    return load_app(monkeypatch)


@pytest.fixture
def bench(app, tmp_path, monkeypatch):
    return keeper_bench(app, tmp_path, monkeypatch)


def test_at_rest_it_falls_silent_hears_and_wakes(bench, app):
    bench.run(5_000)
    bench.frames.clear()
    bench.run(1_000)
    assert not set(bench.frames) & {"VCU_Drive", "VCU_Lock", "VCU_Heartbeat"}
    assert not app.asked  # the others still talk
    challenge = bench.gateway.challenges[-1][0]
    assert bench.present(by_owner(challenge)) == (record.ANSWER, record.DONE)
    assert bench.vcu.drive.lock == lock.READY
    bench.frames.clear()
    bench.run(2_000)
    assert {"VCU_Drive", "VCU_Lock", "VCU_Heartbeat"} <= set(bench.frames)


def test_drowsy_it_hoots_lights_and_notices_who_pushes_it(bench, app):
    bench.run(5_000)
    assert bench.keeper._guard.state == power.DROWSY
    bench.frames.clear()
    for pressed in (1, 0, 1):
        bench.nodes["HMI_Inputs"].signals = {"Horn": pressed, "Lights": pressed}
        bench.run(100)
        assert (bench.board.outputs.horn, bench.board.outputs.lights) == (pressed, pressed)
    assert not set(bench.frames) & {"VCU_Drive", "VCU_Lock", "VCU_Heartbeat"}
    bench.speed(500)
    bench.run(1_100)
    assert bench.keeper._guard.state == power.AWAKE


def test_at_rest_no_cycle_is_missed_by_its_watch(bench):
    bench.run(5_000)
    assert bench.vcu.rest == power.DROWSY
    before = [cycle.missed for cycle in bench.vcu.cycles]
    for elapsed_ms in range(100, 3_001, 100):  # as seldom as the loop turns then
        bench.vcu.watch_over(bench.now_ms + elapsed_ms)
    assert [cycle.missed for cycle in bench.vcu.cycles] == before


def test_sleeps_once_the_bus_is_silent(bench, app):
    bench.run(5_000)
    silence(bench)
    with pytest.raises(Asleep):
        bench.run(10_000)
    assert app.asked == [(power.ASLEEP, True)]


def test_never_while_unlocked(bench, app):
    bench.run(1_500)
    bench.inputs(1, 1, 1)
    challenge = bench.gateway.challenges[-1][0]
    assert bench.present(by_owner(challenge)) == (record.ANSWER, record.DONE)
    bench.run(500)
    assert bench.vcu.drive.lock == lock.DRIVE
    silence(bench)
    app.volts_mv = 9_000
    bench.run(15_000)
    assert not app.asked


def test_never_while_it_moves_or_nobody_knows(bench, app):
    bench.speed(500)
    app.volts_mv = 9_000
    bench.run(8_000)
    bench.speed(None)  # the others are heard, but not how fast it goes
    bench.run(8_000)
    assert not app.asked and bench.keeper._guard.state == power.AWAKE


def test_never_with_a_plug(bench, app, monkeypatch):
    fresh = bench.vcu.signals.fresh
    plugged = {"Plugged": 1, "Charging": 0}
    monkeypatch.setattr(
        bench.vcu.signals,
        "fresh",
        lambda name, now_ms: plugged if name == "CHG_Status" else fresh(name, now_ms),
    )
    bench.run(5_000)
    silence(bench)
    bench.run(8_000)
    assert not app.asked


def test_not_before_a_listening_gateway_has_its_records(bench, app):
    bench.gateway.stores = False
    bench.run(8_000)
    assert bench.keeper._guard.state == power.AWAKE
    bench.gateway.stores = True
    bench.run(6_000)
    assert bench.keeper._guard.state == power.DROWSY


def test_a_gateway_that_is_gone_keeps_it_awake_no_longer(bench, app):
    bench.gateway.stores = bench.gateway.listens = False
    bench.nodes["GW_Heartbeat"].signals = None
    bench.run(8_000)
    assert bench.keeper._guard.state == power.DROWSY


def test_a_gateway_that_is_heard_and_stores_nothing_empties_no_battery(bench, app, monkeypatch):
    """Its disk is full, or it is none and only sends the heartbeat of one."""
    monkeypatch.setattr(records, "AWAY_MS", 6_000)
    bench.run(1_000)
    bench.gateway.stores = False
    bench.vcu.outbox.record(record.FAULT, {0: 1, 1: 2, 2: True}, bench.now_ms)
    bench.keeper._guard.level = power.EMPTY
    app.volts_mv = 9_000
    bench.run(4_500)
    assert not app.asked  # it may still store it
    with pytest.raises(Asleep):
        bench.run(4_000)
    assert app.asked == [(power.CRITICAL, False)]


@pytest.mark.parametrize(("volts_mv", "state"), [(11_500, power.LOW), (10_900, power.CRITICAL)])
def test_a_low_supply_does_not_wait_for_silence(bench, app, volts_mv, state):
    app.volts_mv = volts_mv
    # One level after another, and the guard looks once a second; at rest all the time.
    guard = bench.keeper._guard
    guard.level = power.FLAT if state == power.LOW else power.EMPTY
    with pytest.raises(Asleep):
        bench.run(10_000)
    assert app.asked == [(state, False)]


def test_a_healthy_start_is_settled_after_a_minute_until_flash_took_it(bench, app, monkeypatch):
    settled = []

    def settle(folder):
        settled.append(bench.now_ms)
        return len(settled) == 3  # flash does not take it at first

    monkeypatch.setattr(app.crashes, "settled", settle)
    bench.keeper._healthy_at_ms = 3_000  # 60 s are many turns
    bench.run(8_000)
    assert len(settled) == 3 and 3_000 <= settled[0] <= 4_100
    assert app.Keeper(bench.vcu, power.AWAKE, 500)._healthy_at_ms == 60_500


def test_the_line_gets_challenges_and_answers(bench, app):
    console = app.console
    bench.run(1_500)
    console.typed = b"\r\nchallenge\r\n"
    bench.run(5)
    word, challenge, seconds = console.said.split()
    assert word == "challenge" and int(seconds) == 30
    asked = base64.urlsafe_b64encode(by_owner(bytes.fromhex(challenge))).rstrip(b"=")
    console.said, console.typed = "", b"present " + asked + b"\n"
    bench.run(3_000)
    assert console.said == "answer done\r\n"
    assert bench.vcu.drive.lock == lock.READY
    # In its place a second time: spent.
    console.said, console.typed = "", b"present " + asked + b"\n"
    bench.run(3_000)
    assert console.said == "refused 3 CHALLENGE\r\n"


def test_the_line_says_that_a_lock_is_pending(bench, app):
    console = app.console
    bench.run(1_500)
    bench.inputs(1, 1, 1)
    assert bench.present(by_owner(bench.gateway.challenges[-1][0])) is not None
    bench.run(500)
    bench.speed(5_000)
    bench.run(500)
    console.typed = b"challenge\n"
    bench.run(5)
    challenge = bytes.fromhex(console.said.split()[1])
    asked = base64.urlsafe_b64encode(by_owner(challenge, command.LOCK)).rstrip(b"=")
    console.said, console.typed = "", b"present " + asked + b"\n"
    bench.run(3_000)
    assert console.said == "answer pending\r\n"
    assert bench.vcu.drive.lock == lock.LOCK_PENDING


def test_what_the_gateway_presents_meanwhile_is_not_mixed_up_with_the_line(bench, app):
    console = app.console
    bench.run(1_500)
    bench.vcu.commands.offer(by_owner(bench.gateway.challenges[-1][0]), bench.now_ms)
    console.typed = b"present AAAA\n"
    bench.run(1)
    assert console.said == "refused 19 BUSY\r\n"
    bench.run(3_000)
    assert bench.vcu.drive.lock == lock.READY and console.said == "refused 19 BUSY\r\n"


def test_a_flood_on_the_line_takes_a_bounded_piece_of_each_turn(bench, app):
    app.console.typed = b"A" * 10_000
    bench.run(1)
    assert len(app.console.typed) == 10_000 - 256
    bench.run(100)
    assert not app.console.typed and not app.console.said


def test_a_console_that_went_away_stops_nothing(bench, app):
    app.console.typed = b"x"
    app.console.read = lambda size: b""
    bench.run(10)
    assert not app.console.said


def present_by_line(bench, app, action, args=None):
    """What the line says to a command that the owner signs."""
    console = app.console
    console.said, console.typed = "", b"challenge\n"
    bench.run(5)
    challenge = bytes.fromhex(console.said.split()[1])
    asked = base64.urlsafe_b64encode(by_owner(challenge, action, args)).rstrip(b"=")
    console.said, console.typed = "", b"present " + asked + b"\n"
    bench.run(3_000)
    return console.said


def test_what_is_done_while_a_lock_is_pending_is_done(bench, app):
    bench.run(1_500)
    bench.inputs(1, 1, 1)
    assert bench.present(by_owner(bench.gateway.challenges[-1][0])) is not None
    bench.run(500)
    bench.speed(5_000)
    bench.run(500)
    assert present_by_line(bench, app, command.LOCK) == "answer pending\r\n"
    # The lock waits still; that says nothing of what else was asked.
    assert present_by_line(bench, app, command.RAISE_GENERATION, {0: 9}) == "answer done\r\n"
    assert present_by_line(bench, app, command.UNLOCK) == "refused 17 STATE\r\n"
    assert bench.vcu.drive.lock == lock.LOCK_PENDING
    bench.stop(5_000)
    bench.run(700)
    assert present_by_line(bench, app, command.LOCK) == "answer done\r\n"


def test_a_refusal_of_another_presentation_is_not_the_answer_of_this_one(bench, app):
    console = app.console
    bench.run(1_500)
    console.typed = b"challenge\n"
    bench.run(5)
    asked = by_owner(bytes.fromhex(console.said.split()[1]))
    text = base64.urlsafe_b64encode(asked).rstrip(b"=")
    console.said, console.typed = "", b"present " + text + b"\n"
    while not bench.vcu.commands.has_work():
        bench.turn()
    bench.vcu.commands.offer(b"\x80", bench.now_ms)  # BUSY, while the first one is checked
    bench.run(3_000)
    assert [body[1] for body in bench.kinds(record.REFUSAL)] == [refusal.BUSY]
    assert console.said == "answer done\r\n"


def test_an_unprovisioned_vehicle_says_so_on_the_line(app, tmp_path, monkeypatch):
    bench = keeper_bench(app, tmp_path, monkeypatch, owner=None)
    bench.run(1_500)
    app.console.typed = b"present " + base64.urlsafe_b64encode(by_owner(bytes(16))).rstrip(b"=")
    app.console.typed += b"\n"
    bench.run(2_000)
    assert app.console.said == "refused 16 UNPROVISIONED\r\n"
