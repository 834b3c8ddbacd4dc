"""The vehicle as app.py keeps it: healthy starts, drowsiness, sleep, the line, on the bench."""

import base64
import importlib
import sys
import types

import pytest
from bench import Bench, Node, identity
from signer import OWNER, by_owner
from vcu import power
from vcu.loop import Loop

from protocol import command, lock, record

VOLTS_MV = 12_700


class Asleep(BaseException):
    """The board resets to sleep; nothing runs on."""


class FakePoll:
    """select.poll() of a console on which somebody typed."""

    def __init__(self):
        self.console = None

    def register(self, stream, events):
        self.console = stream

    def poll(self, timeout_ms):
        if timeout_ms:
            raise ValueError("the loop waits for no console")
        return [self.console] if self.console.buffer.typed else []


class Console:
    """stdin and stdout of a board."""

    def __init__(self):
        self.typed = b""
        self.said = ""
        self.buffer = self

    def read(self, size):
        if not self.typed:
            raise ValueError("would wait for ever")
        data, self.typed = self.typed[:size], self.typed[size:]
        return data

    def write(self, text):
        self.said += text


@pytest.fixture
def app(monkeypatch):
    """vcu.app on CPython, with what it asked the next start for in `app.asked`."""
    machine = types.ModuleType("machine")
    for name in ("vcu.app", "vcu.start"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "machine", machine)
    app = importlib.import_module("vcu.app")
    app.console = Console()
    app.asked = []
    app.volts_mv = VOLTS_MV

    def ask_for_sleep(state, silent):
        app.asked.append((state, silent))
        raise Asleep

    monkeypatch.setattr(app, "sys", types.SimpleNamespace(stdin=app.console, stdout=app.console))
    monkeypatch.setattr(app, "select", types.SimpleNamespace(poll=FakePoll, POLLIN=1))
    monkeypatch.setattr(app.start, "ask_for_sleep", ask_for_sleep)
    monkeypatch.setattr(app.start, "supply_mv", lambda: app.volts_mv)
    yield app
    for name in ("vcu.app", "vcu.start"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def bench(app, tmp_path, monkeypatch):
    """A bench whose loop drives the keeper; rest and silence are shortened."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(power, "REST_MS", (3_000, 2_000, 1_000, 1_000))
    monkeypatch.setattr(power, "QUIET_MS", 1_000)
    monkeypatch.setattr(power, "HOLD_MS", 500)
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    bench = Bench(f"{tmp_path}/")
    bench.nodes["GW_Heartbeat"] = Node("GW_Heartbeat", {"State": 2})
    bench.keeper = app.Keeper(bench.vcu, power.AWAKE, 0)
    loop = Loop(bench.keeper, bench._now, bench._wait, bench._nothing, bench._nothing)

    def turn():
        loop.turn()
        bench.keeper.tend(bench.now_ms)

    bench.loop = types.SimpleNamespace(turn=turn)
    return bench


def silence(bench):
    for node in bench.nodes.values():
        node.signals = None


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


@pytest.mark.parametrize(("volts_mv", "state"), [(11_500, power.LOW), (10_900, power.CRITICAL)])
def test_a_low_supply_does_not_wait_for_silence(bench, app, volts_mv, state):
    app.volts_mv = volts_mv
    # One level after another, and the guard looks once a second; at rest all the time.
    guard = bench.keeper._guard
    guard.level = power.FLAT if state == power.LOW else power.EMPTY
    with pytest.raises(Asleep):
        bench.run(10_000)
    assert app.asked == [(state, False)]


def test_a_healthy_start_is_settled_after_a_minute_and_once(bench, app, monkeypatch):
    settled = []
    monkeypatch.setattr(app.crashes, "settled", lambda folder: settled.append(bench.now_ms))
    bench.keeper._healthy_at_ms = 3_000  # 60 s are many turns
    bench.run(8_000)
    assert len(settled) == 1 and 3_000 <= settled[0] <= 4_100
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
