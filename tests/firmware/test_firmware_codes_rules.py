"""Codes under any sequence of keys, waits, restarts and power cuts, on a vehicle of a few lines.

The stretching is cut to 16 rounds here; that it is as long as the protocol says, vectors check.
"""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from vcu.codes import Codes, wait_ms
from vcu.deposits import decode_deposits
from vcu.flash.state import State
from vcu.hmi import Hmi
from vcu.refusals import Refusals
from vcu_bench import NOW_S

from protocol import codes, command, grant, lock, record, refusal
from protocol.access import Authority, Clock
from protocol.errors import RefusedError

VEHICLE = "tf-0001"
OWNER = bytes(range(32))
HOLDER = bytes(range(1, 33))
DRAWN = b"salt of a phone!"
RIGHT = "1234567812345678"
ENTER, CLEAR = 10, 11


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    monkeypatch.setattr(codes, "ROUNDS", 16)


class FewRounds:
    """For tests that run outside of the fixture's reach."""

    def __enter__(self):
        self._rounds, codes.ROUNDS = codes.ROUNDS, 16

    def __exit__(self, *_):
        codes.ROUNDS = self._rounds


class Part:
    """A part of the vehicle with nothing but attributes."""

    def __init__(self, **values):
        self.__dict__.update(values)


class Outbox:
    def __init__(self):
        self.records = []

    def has_room(self):
        return True

    def record(self, kind, body, now_ms):
        self.records.append((kind, body))
        return True


class FakeVehicle:
    """What Codes and Hmi look at. Its flash outlives a restart; `cut` fails the next writes."""

    fault = 0

    def __init__(self, flash=b""):
        self.state = State(bytes(32))
        self.state.codes = flash
        self.gate = Part(authority=Authority(VEHICLE, OWNER))
        self.wall = Part(read=lambda: Clock(NOW_S, True))
        self.outbox = Outbox()
        self.refusals = Refusals(self.outbox)
        self.drive = Part(lock=lock.LOCKED, outputs=Part(lock_reason=lock.COMMAND))
        self.motion = Part(speed=lambda now_ms: 0)
        self.commands = Part(execute=self._execute)
        self.executed = []
        self.cut = False

    def persist(self, name, value):
        if self.cut:
            raise RefusedError(refusal.STATE)
        setattr(self.state, name, value)

    def _execute(self, entry, now_ms):
        self.executed.append((entry.command.action, entry.command_id, now_ms))
        unlocks = entry.command.action == command.UNLOCK
        assert not unlocks or self.drive.lock == lock.LOCKED
        self.drive.lock = lock.READY if unlocks else lock.LOCKED

    def kept(self):
        return decode_deposits(self.state.codes, OWNER)


def hashes(*typed):
    salt = codes.salt_for(VEHICLE, HOLDER, DRAWN)
    return [codes.stretch(salt, code.encode()) for code in typed]


def given_grant(*typed, number=1):
    actions, span = grant.CODE_ACTIONS, (NOW_S - 60, NOW_S + 86_400)
    mine = [DRAWN, *hashes(*typed)]
    return grant.Grant(VEHICLE, HOLDER, actions, *span, 0, bytes((number,)) * 16, {}, mine)


def finish(made, now_ms):
    for _ in range(10_000):
        if not made.is_checking():
            return
        made.step(now_ms)
    raise AssertionError("a code is checked for ever")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 15), st.just(ENTER)), max_size=80))
def test_keys_at_random_open_nothing(keys):
    with FewRounds():
        vehicle = FakeVehicle()
        hmi = Hmi(vehicle, vehicle.persist, 0)
        hmi.codes.deposit([given_grant(RIGHT)])
        hmi.keys({"Presses": 0, "Digit": 0, "Egress": 0}, 0)
        for number, key in enumerate(keys):
            hmi.keys({"Presses": (number + 1) & 0xFF, "Digit": key, "Egress": 0}, 100 * number)
            finish(hmi.codes, 100 * number)
            hmi.tick(100 * number)
    assert vehicle.executed == [] or _typed(keys) >= {RIGHT}
    assert vehicle.kept().wrong <= 3 or vehicle.executed


def _typed(keys):
    out, entry = set(), ""
    for key in keys:
        if key == ENTER:
            out.add(entry)
        entry = "" if key in (ENTER, CLEAR) else entry + str(key) if key < 10 else entry
    return out


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 15), max_size=20).map(tuple), st.integers(0, 255))
def test_the_right_keys_after_any_others_open(before, start):
    """After Clear: whatever stood there, and wherever the count of presses stands."""
    with FewRounds():
        vehicle = FakeVehicle()
        hmi = Hmi(vehicle, vehicle.persist, 0)
        hmi.codes.deposit([given_grant(RIGHT)])
        presses = start
        hmi.keys({"Presses": presses, "Digit": 0, "Egress": 0}, 0)
        keys = [key for key in before if key != ENTER] + [CLEAR, *map(int, RIGHT), ENTER]
        for key in keys:
            presses = (presses + 1) & 0xFF
            hmi.keys({"Presses": presses, "Digit": key, "Egress": 0}, 1_000)
        finish(hmi.codes, 1_000)
    assert [action for action, _, _ in vehicle.executed] == [command.UNLOCK]


def test_an_hour_of_guesses_is_a_handful():
    vehicle = FakeVehicle()
    made = Codes(vehicle, vehicle.persist, 0)
    made.deposit([given_grant(RIGHT)])
    checked = []
    for second in range(3_600 * 24):
        made.enter(b"0000%012d" % second, second * 1_000)
        if made.is_checking():
            checked.append(second)
            finish(made, second * 1_000)
    waits = [later - earlier for earlier, later in itertools.pairwise(checked[2:])]
    assert checked[:3] == [0, 1, 2]
    assert waits[:8] == [30, 60, 120, 240, 480, 960, 1_920, 3_600] and set(waits[7:]) == {3_600}
    assert len(checked) <= 3 + 8 + 24 and not vehicle.executed


def test_refusals_of_a_flood_are_few_records():
    vehicle = FakeVehicle()
    made = Codes(vehicle, vehicle.persist, 0)
    for turn in range(1_000):
        made.enter(b"0000000000000000", turn * 10)
        finish(made, turn * 10)
    kinds = [kind for kind, _ in vehicle.outbox.records]
    assert kinds == [record.REFUSAL] * len(kinds) and len(kinds) <= 12


def test_a_clock_that_is_not_sure_ends_no_deposit():
    vehicle = FakeVehicle()
    made = Codes(vehicle, vehicle.persist, 0)
    for number in range(4):
        made.deposit([given_grant(RIGHT, number=number)])
    vehicle.wall = Part(read=lambda: Clock(NOW_S + 10 * 86_400, False))
    with pytest.raises(RefusedError):
        made.deposit([given_grant(RIGHT, number=4)])
    vehicle.wall = Part(read=lambda: Clock(NOW_S + 10 * 86_400, True))
    made.deposit([given_grant(RIGHT, number=4)])
    assert len(vehicle.kept().items) == 1


def test_enter_ends_a_session_that_a_reset_in_motion_went_on_with():
    """Nobody knows who opened it: it must not stay open for want of a phone."""
    vehicle = FakeVehicle()
    made = Codes(vehicle, vehicle.persist, 0)
    vehicle.drive.lock, vehicle.drive.outputs = lock.DRIVE, Part(lock_reason=lock.RESUMED)
    made.tick()
    vehicle.drive.lock, vehicle.drive.outputs = lock.READY, Part(lock_reason=lock.STANDSTILL)
    made.tick()
    made.enter(b"", 1_000)
    assert vehicle.executed == [(command.LOCK, b"", 1_000)]
    made.tick()
    vehicle.drive.lock = lock.READY
    made.tick()
    made.enter(b"", 2_000)  # the next session is somebody's
    assert len(vehicle.executed) == 1 and vehicle.refusals.last_code == refusal.ACTION


class Typing(RuleBasedStateMachine):
    """Against a set of unused codes and a count: what opens is unused, and only once."""

    def __init__(self):
        super().__init__()
        self.rounds = FewRounds()
        self.rounds.__enter__()
        self.vehicle = FakeVehicle()
        self.now_ms = 0
        self.unused = set()
        self.deposited = set()
        self.opened = []
        self.wrong = 0
        self.closed_until_ms = 0

    def teardown(self):
        self.rounds.__exit__()

    @initialize()
    def begin(self):
        self.codes = Codes(self.vehicle, self.vehicle.persist, 0)

    @rule(number=st.integers(0, 5))
    def deposit(self, number):
        mine = {f"{number}{i}" + "7" * 14 for i in range(2)}
        try:
            self.codes.deposit([given_grant(*sorted(mine), number=number)])
        except RefusedError as error:
            assert error.code == refusal.STATE
            assert self.vehicle.cut or len(self.deposited) == 4
            return
        if number not in self.deposited:
            self.deposited.add(number)
            self.unused |= mine

    @rule(number=st.integers(0, 6), which=st.integers(0, 2), cut=st.sampled_from("-abc"))
    def type(self, number, which, cut):
        """`cut`: power goes (a) after the attempt is counted, (b) at the write that spends."""
        code = f"{number}{which}" + "7" * 14
        open_before = self.now_ms >= self.closed_until_ms
        locked = self.vehicle.drive.lock == lock.LOCKED
        done = len(self.vehicle.executed)
        self.codes.enter(code.encode(), self.now_ms)
        assert self.codes.is_checking() == (open_before and locked and not self.vehicle.cut)
        if not self.codes.is_checking():
            return
        self.wrong += 1
        self.closed_until_ms = self.now_ms + wait_ms(self.wrong)
        if cut == "a":
            self.restart()
            return
        self.vehicle.cut = cut == "b"
        finish(self.codes, self.now_ms)
        self.vehicle.cut = False
        opened = len(self.vehicle.executed) > done
        assert opened == (code in self.unused and cut != "b")
        if opened:
            self.unused.discard(code)
            self.opened.append(code)
            self.wrong = 0
            self.closed_until_ms = self.now_ms
        if cut == "b":
            self.restart()

    @rule(ms=st.sampled_from([1, 1_000, 29_999, 30_000, 60_000, 3_600_000]))
    def wait(self, ms):
        self.now_ms += ms
        self.codes.tick()

    @rule()
    def restart(self):
        self.vehicle = FakeVehicle(self.vehicle.state.codes)
        self.codes = Codes(self.vehicle, self.vehicle.persist, 0)
        self.now_ms = 0
        self.closed_until_ms = wait_ms(self.wrong)

    @rule()
    def lock(self):
        self.vehicle.drive.lock = lock.LOCKED
        self.codes.tick()

    @rule(full=st.booleans())
    def flash(self, full):
        self.vehicle.cut = full

    @invariant()
    def nothing_opened_twice(self):
        assert len(set(self.opened)) == len(self.opened)
        kept = self.vehicle.kept()
        assert kept.wrong == min(255, self.wrong)
        assert sum(len(item.hashes) for item in kept.items) == len(self.unused)


TestTyping = Typing.TestCase
TestTyping.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
