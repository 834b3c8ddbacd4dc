"""The stages of a start: the table in every case, and a shell that does what it says."""

import importlib
import itertools
import sys
import types

import pytest
from vcu import power
from vcu.flash import crashes

NOW_S = 1_893_456_000


class Reset(BaseException):
    """The board starts anew; nothing runs on."""


class Asleep(BaseException):
    pass


class FakePin:
    IN, OUT, IRQ_FALLING, IRQ_RISING = 0, 1, 1, 2

    def __init__(self, machine, name, mode=None):
        if name not in ("VSENSE", "LED", "BUTTON", "CAN1_RX"):
            raise ValueError(name)
        self.name, self.mode, self._machine = name, mode, machine

    def value(self, level):
        if self.mode != self.OUT:
            raise ValueError("not an output")
        self._machine.lit.append(level)

    def irq(self, trigger, wake):
        if self.mode != self.IN or trigger != 3 or wake != 4:
            raise ValueError("irq")
        self._machine.armed.add(self.name)


class FakeMachine(types.ModuleType):
    """What start.py needs of `machine`, and nothing that it may not use yet: no watchdog."""

    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = range(1, 6)
    DEEPSLEEP = 4

    def __init__(self):
        super().__init__("machine")
        self.cause = self.PWRON_RESET
        self.volts_mv = 0
        self.armed = set()
        self.lit = []
        self.asleep_ms = None
        pin = type("Pin", (FakePin,), {"__init__": lambda p, *a: FakePin.__init__(p, self, *a)})
        self.Pin = pin

    def reset_cause(self):
        return self.cause

    def ADC(self, pin):
        if pin.name != "VSENSE":
            raise ValueError("no converter there")
        return types.SimpleNamespace(read_u16=lambda: self.volts_mv * 65_535 // 19_800 + 1)

    def reset(self):
        raise Reset

    def deepsleep(self, time_ms):
        self.asleep_ms = time_ms
        raise Asleep


class FakeTime(types.ModuleType):
    def __init__(self):
        super().__init__("time")
        self.now_s = NOW_S
        self.ms = 0
        self.interrupt_at_ms = None

    def time(self):
        return self.now_s

    def ticks_ms(self):
        return self.ms

    def ticks_diff(self, now, then):
        return now - then

    def sleep_ms(self, ms):
        self.ms += ms
        if self.interrupt_at_ms is not None and self.ms >= self.interrupt_at_ms:
            raise KeyboardInterrupt


@pytest.fixture
def board(monkeypatch, tmp_path):
    """A board that is about to start; `run()` starts it. `started`: how the application was run."""
    machine, clock, started = FakeMachine(), FakeTime(), []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "machine", machine)
    monkeypatch.delitem(sys.modules, "vcu.start", raising=False)
    start = importlib.import_module("vcu.start")
    monkeypatch.setattr(start, "time", clock)
    app = types.ModuleType("vcu.app")
    app.run = lambda *arguments: started.append(arguments)
    monkeypatch.setitem(sys.modules, "vcu.app", app)
    monkeypatch.setattr(sys.modules["vcu"], "app", app, raising=False)
    yield types.SimpleNamespace(
        start=start, machine=machine, clock=clock, started=started, folder=tmp_path, app=app
    )
    monkeypatch.delitem(sys.modules, "vcu.start", raising=False)


def crashed(times):
    for _ in range(times):
        crashes.begin("")


# --- the table ---


def test_every_case_of_the_plan(board):
    start = board.start
    counts = (0, 1, 4, 5, 6, 9, 10, 11, 1_000_000)
    seen = set()
    for request, count, cause in itertools.product(range(3), counts, range(7)):
        stage = start.plan(request, count, cause)
        seen.add(stage)
        if request == start.UPDATE_ASKED:
            wanted = start.UPDATE  # a person with a tool comes first
        elif count >= 10:
            wanted = start.OFF
        elif request == start.SLEEP_ASKED:
            wanted = start.SLEEP
        elif cause == start.DEEP_SLEEP:
            wanted = start.LOOK
        else:
            wanted = start.MINIMAL if count >= 5 else start.NORMAL
        assert stage == wanted, (request, count, cause)
    assert seen == set(range(len(start.STAGES)))


# --- the shell ---


def test_a_usual_start_counts_before_the_application_is_loaded(board):
    counts = []
    board.app.run = lambda *arguments: counts.append((arguments, crashes.count("")))
    board.start.run()
    assert counts == [((False, board.start.POWER_ON, power.AWAKE), 1)]


@pytest.mark.parametrize(
    ("before", "minimal"), [(0, False), (4, False), (5, True), (9, True), (10, None), (30, None)]
)
def test_early_crashes_lead_to_a_minimal_start_and_then_to_none(board, before, minimal):
    crashed(before)
    board.machine.cause = board.machine.WDT_RESET
    board.clock.interrupt_at_ms = 5_000
    if minimal is None:
        with pytest.raises(KeyboardInterrupt):
            board.start.run()
        assert not board.started and crashes.count("") == before
        assert len(board.machine.lit) == 20 and set(board.machine.lit) == {0, 1}
        return
    board.start.run()
    assert board.started == [(minimal, board.start.WATCHDOG, power.AWAKE)]
    assert crashes.count("") == before + 1


def test_a_board_that_is_off_spares_the_battery_after_an_hour(board):
    crashed(10)
    with pytest.raises(Asleep):
        board.start.run()
    assert board.clock.ms == board.start.OFF_MS
    assert board.machine.armed == {"BUTTON"} and board.machine.asleep_ms == 3_600_000
    board.machine.cause = board.machine.DEEPSLEEP_RESET
    with pytest.raises(Asleep):
        board.start.run()
    assert not board.started


def test_a_tool_that_interrupts_is_no_crash(board):
    def interrupted(*_):
        raise KeyboardInterrupt

    board.app.run = interrupted
    for _ in range(12):
        with pytest.raises(KeyboardInterrupt):
            board.start.run()
    assert crashes.count("") == 0


@pytest.mark.parametrize("error", [ImportError("no module"), MemoryError(), ValueError(1)])
def test_an_application_that_does_not_load_is_a_crash_and_ends_in_sleep(board, monkeypatch, error):
    """It must not end in the REPL, where nothing feeds, resets or spares the battery."""

    class Unloadable(types.ModuleType):
        def __getattr__(self, name):
            raise error

    def say(error, file):  # MicroPython's own
        file.write(type(error).__name__)

    monkeypatch.setattr(sys.modules["vcu"], "app", Unloadable("vcu.app"))
    monkeypatch.setattr(sys, "print_exception", say, raising=False)
    for number in range(10):
        begin_ms = board.clock.ms
        with pytest.raises(Reset):
            board.start.run()
        assert crashes.count("") == number + 1 and board.clock.ms - begin_ms == 1_000
        assert type(error).__name__ in (board.folder / "crash").read_text()
    with pytest.raises(Asleep):
        board.start.run()
    assert not board.started


def test_update_mode_waits_never_drives_and_ends(board):
    with pytest.raises(Reset):
        board.start.ask_for_update()
    board.machine.cause = board.machine.HARD_RESET
    with pytest.raises(Reset):
        board.start.run()
    assert board.clock.ms == board.start.UPDATE_MS and not board.started
    board.start.run()  # once only
    assert len(board.started) == 1


def test_a_tool_finds_the_repl_in_update_mode_and_it_was_asked_for_once(board):
    (board.folder / "update").touch()
    crashed(30)
    board.clock.interrupt_at_ms = 1_000
    with pytest.raises(KeyboardInterrupt):
        board.start.run()
    assert not (board.folder / "update").exists() and not board.started


@pytest.mark.parametrize(
    ("state", "silent", "armed", "look_ms"),
    [
        (power.ASLEEP, True, {"BUTTON", "CAN1_RX"}, 1_800_000),
        (power.LOW, True, {"BUTTON", "CAN1_RX"}, 3_600_000),
        (power.LOW, False, {"BUTTON"}, 3_600_000),
        (power.CRITICAL, True, set(), 21_600_000),
        (power.CRITICAL, False, set(), 21_600_000),
    ],
)
def test_sleep_is_entered_by_a_reset(board, state, silent, armed, look_ms):
    crashed(3)
    with pytest.raises(Reset):
        board.start.ask_for_sleep(state, silent)
    assert crashes.count("") == 0 and board.machine.asleep_ms is None
    board.machine.cause = board.machine.HARD_RESET
    with pytest.raises(Asleep):
        board.start.run()
    assert board.machine.armed == armed and board.machine.asleep_ms == look_ms
    assert not board.started


def asleep(board, state):
    with pytest.raises(Reset):
        board.start.ask_for_sleep(state, True)
    with pytest.raises(Asleep):
        board.start.run()
    board.machine.cause = board.machine.DEEPSLEEP_RESET
    board.machine.armed.clear()


def test_the_timer_finds_the_supply_good_and_it_sleeps_on(board):
    asleep(board, power.ASLEEP)
    board.machine.volts_mv = 12_600
    for _ in range(3):
        board.clock.now_s += 1_799  # timers are early, too
        with pytest.raises(Asleep):
            board.start.run()
        assert board.machine.armed == {"BUTTON", "CAN1_RX"}
    assert not board.started and crashes.count("") == 0


def test_the_timer_finds_the_supply_low(board):
    asleep(board, power.ASLEEP)
    board.machine.volts_mv = 11_700
    board.clock.now_s += 1_800
    with pytest.raises(Asleep):
        board.start.run()
    assert board.machine.asleep_ms == 3_600_000
    board.machine.volts_mv = 11_000
    board.machine.armed.clear()
    board.clock.now_s += 3_600
    with pytest.raises(Asleep):
        board.start.run()
    assert board.machine.asleep_ms == 21_600_000 and board.machine.armed == set()
    board.machine.volts_mv = 12_600
    board.clock.now_s += 21_600
    board.start.run()  # somebody charged it
    assert board.started == [(False, board.start.DEEP_SLEEP, power.CRITICAL)]
    assert not (board.folder / "sleep").exists()


@pytest.mark.parametrize("state", [power.ASLEEP, power.LOW])
def test_a_press_or_a_frame_starts_it_whatever_the_supply(board, state):
    asleep(board, state)
    board.machine.volts_mv = 11_000
    board.clock.now_s += 60
    board.start.run()
    assert board.started == [(False, board.start.DEEP_SLEEP, state)]


def test_woken_after_early_crashes_it_starts_minimal(board):
    asleep(board, power.ASLEEP)
    crashed(5)
    board.start.run()
    assert board.started[0][0] is True


def test_power_that_came_back_in_sleep_is_a_usual_start(board):
    asleep(board, power.CRITICAL)
    board.machine.cause = board.machine.PWRON_RESET
    board.start.run()
    assert board.started == [(False, board.start.POWER_ON, power.CRITICAL)]
    assert not (board.folder / "sleep").exists()


@pytest.mark.parametrize("text", ["", "2", "x y", "2 1 3", "0 0", "1 0", "5 0", "-1 0", "9" * 40])
def test_a_damaged_note_of_sleep_is_no_sleep(board, text):
    (board.folder / "sleep").write_text(text)
    board.start.run()
    assert len(board.started) == 1 and not (board.folder / "sleep").exists()


def test_reset_causes(board):
    start, machine = board.start, board.machine
    for raw, cause in [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (0, 0), (99, 0)]:
        machine.cause = raw
        assert start.reset_cause() == cause
    (board.folder / "crash").write_text("Traceback")
    machine.cause = machine.HARD_RESET
    assert [start.reset_cause(), start.reset_cause()] == [start.CRASH, start.HARD]
    assert (board.folder / "crash.last").read_text() == "Traceback"
    # Power went before the reset that follows a crash: nobody rides on when it comes back.
    (board.folder / "crash").write_text("Traceback")
    machine.cause = machine.PWRON_RESET
    assert start.reset_cause() == start.POWER_ON and not (board.folder / "crash").exists()
    machine.cause = machine.HARD_RESET
    assert start.reset_cause() == start.HARD


def test_flash_that_fails_stops_no_start(board, monkeypatch):
    def fails(*_):
        raise OSError(5)

    monkeypatch.setattr("builtins.open", fails)
    monkeypatch.setattr("os.stat", fails)
    board.start.run()
    assert len(board.started) == 1


def test_the_counter_counts_and_forgets(tmp_path):
    folder = f"{tmp_path}/"
    assert crashes.count(folder) == 0
    for number in range(1, 13):
        crashes.begin(folder)
        assert crashes.count(folder) == number
    crashes.settled(folder)
    crashes.settled(folder)
    assert crashes.count(folder) == 0
