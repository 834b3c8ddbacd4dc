"""Journal and outbox: cut short or damaged at every byte, full, thinned, resent, stored."""

import hashlib
import itertools
import os
import struct

import pytest
from flaky_flash import FlakyFlash
from hypothesis import given
from hypothesis import strategies as st
from vcu.flash import segments
from vcu.flash.files import Damage
from vcu.flash.journal import MARK_EVERY, MOST_FILES, Journal, victim
from vcu.flash.memory import Memory
from vcu.flash.records import (
    AWAY_MS,
    COMMAND_BYTES,
    MINOR_BYTES,
    RESEND_MS,
    TELEMETRY_BYTES,
    WINDOW,
    Outbox,
)
from vcu.flash.segments import BEFORE_ALL, Segments
from vcu.refusals import Refusals
from vcu_bench import NOW_S, Bench, identity

from protocol import record, refusal

OWNER = bytes(range(32))
FULL_SAMPLE = {
    0: 12_345,
    1: 123_456_789,
    2: 52_000,
    3: -1_200,
    4: 800,
    5: 488_566_140,
    6: 23_522_219,
    7: 2,
    8: 31,
    9: 35_999,
}


@pytest.fixture
def folder(tmp_path):
    return f"{tmp_path}/"


@pytest.fixture
def small(monkeypatch):
    """Files of three records."""
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 50)


def items(count, first=0):
    return [(1, seq, b"record %d" % seq) for seq in range(first, first + count)]


def write(folder, entries, name="events"):
    made = Segments(folder, name, Damage())
    for _ in made.scan():
        pass
    for entry in entries:
        made.append(*entry)
    return made


def read(folder, name="events", damage=None):
    """(what the next start finds, the segments themselves)"""
    made = Segments(folder, name, damage or Damage())
    for _ in made.scan():
        pass
    return everything(made), made


def everything(made, after=BEFORE_ALL):
    found = []
    while (head := made.peek(after)) is not None:
        found.append(head)
        after = head[:2]
    return found


# --- segments ---


def test_records_come_back_in_order_over_many_files(folder, small, tmp_path):
    write(folder, items(10))
    assert sorted(path.name for path in (tmp_path / "events").iterdir()) == ["1", "2", "3", "4"]
    found, made = read(folder)
    assert found == items(10) and made.unsent() == 10 and made.last == (1, 9)
    write(folder, items(5, 10))
    assert read(folder)[0] == items(15)


@pytest.mark.parametrize("stored", range(11))
def test_whole_files_go_when_all_of_them_is_stored(folder, small, tmp_path, stored):
    made = write(folder, items(10))
    made.advance((1, stored - 1))
    assert everything(made) == items(10)[stored:] and made.unsent() == 10 - stored
    left = 4 - stored // 3 if stored < 10 else 0
    assert len(list((tmp_path / "events").iterdir())) == left == len(made.numbers)
    made.append(2, 0, b"after")
    assert everything(made)[-1] == (2, 0, b"after")


def test_going_back_reads_again(folder, small):
    made = write(folder, items(10))
    assert made.peek((1, 7)) == items(10)[8]
    assert made.peek((1, 1)) == items(10)[2]
    made.advance((1, 4))
    assert made.peek((1, 3)) == items(10)[5]


def test_file_cut_short_at_every_byte(folder, tmp_path):
    """What is whole before the cut comes back; what is written afterwards is not lost behind it."""
    write(folder, items(3))
    path = tmp_path / "events/1"
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        (tmp_path / "events/2").unlink(missing_ok=True)
        kept = items(3)[: cut * 3 // len(whole)]
        damage = Damage()
        found, made = read(folder, damage=damage)
        assert found == kept
        assert damage.counts == ({"events": 1} if cut * 3 % len(whole) else {})
        made.append(2, 0, b"after")
        assert read(folder)[0] == [*kept, (2, 0, b"after")]


def test_byte_flipped_anywhere_costs_its_record_or_the_rest_of_its_file(folder, small, tmp_path):
    write(folder, items(7))
    path = tmp_path / "events/2"
    whole = path.read_bytes()
    for at in range(len(whole)):
        for bit in (0, 4, 7):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            path.write_bytes(damaged)
            damage = Damage()
            found, _ = read(folder, damage=damage)
            hit = 3 + at * 3 // len(whole)
            in_size = at % (len(whole) // 3) < 2
            lost = range(hit, 6) if in_size else (hit,)
            certain = [item for item in items(7) if item[1] not in lost]
            assert [item for item in found if item[1] not in lost] == certain
            assert set(found) <= set(items(7)) and damage.counts == {"events": 1}


@given(st.lists(st.binary(max_size=90), max_size=4))
def test_files_of_noise(tmp_path_factory, noise):
    folder = tmp_path_factory.mktemp("noise")
    (folder / "events").mkdir()
    for number, data in enumerate(noise):
        (folder / f"events/{number + 1}").write_bytes(data)
    (folder / "events/x").write_bytes(b"not ours")
    _, made = read(f"{folder}/")
    made.append(0xFFFFFFFE, 0, b"after")
    assert everything(made)[-1] == (0xFFFFFFFE, 0, b"after")
    made.advance((0xFFFFFFFF, 0))
    assert made.unsent() == 0 and made.numbers == []


@given(st.lists(st.integers(0, 2), max_size=40))
def test_any_order_of_writing_sending_and_storing(tmp_path_factory, moves):
    """Against a list: what is not stored comes back, in order, also after a restart."""
    folder = f"{tmp_path_factory.mktemp('moves')}/"
    before, segments.SEGMENT_BYTES = segments.SEGMENT_BYTES, 50
    try:
        made = Segments(folder, "events", Damage())
        model, seq, stored = [], 0, -1
        for move in moves:
            if move == 0:
                made.append(1, seq, b"record %d" % seq)
                model.append((1, seq, b"record %d" % seq))
                seq += 1
            elif move == 1 and model:
                stored = model[len(model) // 2][1]
                model = [item for item in model if item[1] > stored]
                made.advance((1, stored))
            assert everything(made, (1, stored)) == model and made.unsent() == len(model)
        again = read(folder)[1]
        again.advance((1, stored))
        assert everything(again, (1, stored)) == model and again.unsent() == len(model)
    finally:
        segments.SEGMENT_BYTES = before


def test_record_that_was_appended_twice_is_there_once(folder, small):
    made = write(folder, items(2))
    made._grows = False
    made.append(*items(2)[1])
    made.append(*items(3)[2])
    assert read(folder)[0] == items(3)
    made.advance((1, 2))
    assert made.unsent() == 0 and read(folder)[0] == []


def test_unreadable_file_is_passed_over_and_kept(folder, small, tmp_path):
    made = write(folder, items(9))
    (tmp_path / "events/2").rename(tmp_path / "kept")
    (tmp_path / "events/2").mkdir()
    assert everything(made) == items(3) + items(3, 6)
    made.advance((1, 8))
    assert made.unsent() == 0
    (tmp_path / "events/2").rmdir()
    (tmp_path / "kept").rename(tmp_path / "events/2")
    assert read(folder)[0] == items(3, 3)


def test_what_rots_while_it_waits_is_not_waited_for(folder, tmp_path):
    made = write(folder, items(3))
    path = tmp_path / "events/1"
    path.write_bytes(b"\x00" * len(path.read_bytes()))
    assert made.peek(BEFORE_ALL) is None and made.last == BEFORE_ALL
    made.append(2, 0, b"after")
    assert made.peek(BEFORE_ALL) is None or everything(made) == [(2, 0, b"after")]


# --- which samples go ---


def test_thinning_keeps_a_trace_of_all_times():
    numbers = list(range(1, 21))
    for number in range(21, 400):
        index = victim(numbers)
        assert 2 <= index < len(numbers) - 1
        del numbers[index]
        numbers.append(number)
    gaps = [b - a for a, b in itertools.pairwise(numbers)]
    assert numbers[:2] == [1, 2] and gaps[-1] == 1
    # Old times are thin and new ones whole: what is left out is shorter than the time since then.
    for gap, newer in zip(gaps, numbers[1:], strict=True):
        assert gap <= max(1, (numbers[-1] - newer) * 2 // 3)


@pytest.mark.parametrize("count", range(4))
def test_too_few_files_are_not_thinned(count):
    assert victim(list(range(count))) == -1


def journal(folder, most_files=MOST_FILES):
    made = Journal(folder, Damage(), most_files)
    made.open()
    return made


def test_24_hours_of_samples_and_a_day_of_events_lose_nothing(folder):
    """One sample a minute, as long as they get, and forty rides a day, on the real size."""
    wire = Wire(folder, vehicle="a-vehicle-with-a-long-name-00001")
    for minute in range(1_440):
        wire.now_ms += 60_000
        assert wire.outbox.record(record.TELEMETRY, FULL_SAMPLE, wire.now_ms, durable=True)
        if minute % 6 == 0:
            assert wire.fault()
    sizes = [len(head[2]) for head in everything(wire.journal.samples)]
    assert len(sizes) == 1_440 and max(sizes) > 130 and wire.journal.lost == 0
    assert wire.journal.events.unsent() == 240
    used = sum(
        os.path.getsize(os.path.join(top, name))
        for top, _, names in os.walk(folder)
        for name in names
    )
    assert used < MOST_FILES * 12_288
    assert wire.outbox._bytes == 0


def test_24_hours_of_samples_of_160_bytes(folder):
    made = journal(folder)
    for seq in range(1_440):
        assert made.has_room_for_sample()
        made.append(True, 1, 2 * seq, bytes(160))
        if seq % 6 == 0:
            made.append(False, 1, 2 * seq + 1, bytes(130))
    assert (made.lost, made.samples.unsent(), made.events.unsent()) == (0, 1_440, 240)
    assert len(everything(made)) == 1_680


def test_mark_is_written_seldom_and_spares_the_most(folder, tmp_path):
    made = journal(folder)
    for item in items(40):
        made.append(False, *item)
    marks = set()
    for seq in range(30):
        made.advance((1, seq))
        marks.add((tmp_path / "mark").read_bytes() if (tmp_path / "mark").exists() else b"")
        again = journal(folder)
        assert seq - MARK_EVERY < 40 - again.unsent() - 1 <= seq
    assert len(marks) == 2


def test_damaged_mark_only_sends_again(folder, tmp_path):
    made = journal(folder)
    for item in items(40):
        made.append(False, *item)
    made.advance((1, 20))
    whole = (tmp_path / "mark").read_bytes()
    assert journal(folder).unsent() == 19
    for at in range(len(whole)):
        for bad in (whole[:at], whole[:at] + bytes([whole[at] ^ 8]) + whole[at + 1 :]):
            (tmp_path / "mark").write_bytes(bad)
            damage = Damage()
            again = Journal(folder, damage)
            again.open()
            assert again.unsent() == 40 and damage.counts == {"mark": 1}


def test_events_push_samples_out_and_never_the_other_way(folder, small):
    made = journal(folder, 10)
    seq = 0
    for _ in range(60):
        if made.has_room_for_sample():
            made.append(True, 1, seq, b"sample%d" % seq)
        seq += 1
    assert made.lost > 0 and len(made.samples.numbers) == 10
    told = made.lost + made.samples.unsent()
    events = 0
    while made.has_room_for_events(8):
        made.append(False, 1, seq, b"event %d" % seq)
        seq += 1
        events += 1
        assert len(made.samples.numbers) + len(made.events.numbers) <= 10
    assert made.events.unsent() == events > 12 and len(made.samples.numbers) == 4
    assert made.lost + made.samples.unsent() == told
    assert len(everything(made)) == events + made.samples.unsent()


# --- the outbox ---


class Wire:
    """An outbox and what it would send."""

    def __init__(self, folder, vehicle="tf-0001", boot=1):
        self.now_ms = 0
        self.journal = journal(folder)
        self.outbox = Outbox(vehicle, boot, lambda message: bytes(32), self.journal, lambda: NOW_S)

    def fault(self):
        return self.outbox.record(record.FAULT, {0: 1, 1: 2, 2: True}, self.now_ms)

    def telemetry(self, durable=None):
        return self.outbox.record(record.TELEMETRY, {0: 1}, self.now_ms, durable)

    def drain(self):
        sent = []
        while (entry := self.outbox.next(self.now_ms)) is not None:
            self.outbox.sent(entry, self.now_ms)
            sent.append(entry[1])
        return sent

    def all(self):
        """Everything that waits, stored as it comes."""
        found = []
        while (entry := self.outbox.next(self.now_ms)) is not None:
            self.outbox.sent(entry, self.now_ms)
            self.outbox.stored(entry[:2], self.now_ms)
            found.append(record.decode_unverified(entry[2]))
        return found


@pytest.fixture
def wire(folder):
    return Wire(folder)


def test_window_resend_and_stored(wire, folder):
    for number in range(12):
        assert wire.fault() if number % 2 else wire.telemetry(number % 4 == 0)
    assert wire.drain() == list(range(WINDOW))
    wire.now_ms = RESEND_MS - 1
    assert wire.drain() == []
    wire.outbox.stored((1, 2), wire.now_ms)
    assert wire.drain() == [8, 9, 10]
    wire.now_ms += RESEND_MS
    assert wire.drain() == [3, 4, 5, 6, 7, 8, 9, 10]
    wire.outbox.stored((1, 11), wire.now_ms)  # 11 was never sent: not believed
    assert wire.drain() == [11]
    wire.outbox.stored((1, 11), wire.now_ms)
    assert wire.outbox.next(wire.now_ms + RESEND_MS) is None
    assert journal(folder).unsent() == 0 and wire.outbox._bytes == 0


def test_stored_out_of_thin_air_frees_nothing(wire):
    wire.fault()
    wire.outbox.stored((0xFFFFFFFF, 0xFFFFFFFF), 0)
    assert wire.drain() == [0]


def test_record_that_is_stored_while_it_is_sent_again(wire):
    for _ in range(3):
        wire.fault()
    wire.drain()
    wire.outbox.rewind(0)
    entry = wire.outbox.next(0)
    wire.outbox.stored((1, 1), 0)
    wire.outbox.sent(entry, 0)
    assert wire.drain() == [2]


@given(st.lists(st.sampled_from(["event", "near", "durable", "send", "store", "again"])))
def test_records_leave_in_order_whatever_happens(tmp_path_factory, moves):
    """Memory and flash are one sequence: no gap, no record twice in a round, none out of order."""
    wire = Wire(f"{tmp_path_factory.mktemp('order')}/")
    expected, round_ = 0, []
    for move in moves:
        if move in ("event", "near", "durable"):
            expected += wire.fault() if move == "event" else wire.telemetry(move == "durable")
        elif move == "send" and (entry := wire.outbox.next(0)) is not None:
            wire.outbox.sent(entry, 0)
            round_.append(entry[1])
        elif move == "store" and round_:
            wire.outbox.stored((1, round_[0]), 0)
        elif move == "again":
            wire.outbox.rewind(0)
            round_ = []
        assert round_ == list(range(round_[0], round_[0] + len(round_))) if round_ else True
    stored = max(wire.outbox._stored[1] + 1 if wire.outbox._stored[0] else 0, 0)
    wire.outbox.rewind(0)
    assert [made.seq for made in wire.all()] == list(range(stored, expected))


def test_memory_is_small_and_what_is_left_out_is_counted(wire):
    taken = 0
    while wire.telemetry():
        taken += 1
    assert not wire.telemetry() and 8 < taken < 30
    assert TELEMETRY_BYTES <= wire.outbox._bytes < TELEMETRY_BYTES + 200
    assert wire.fault() and wire.outbox.has_room()
    assert [made.seq for made in wire.all()] == list(range(taken + 1))
    assert wire.telemetry()
    lost, sample = wire.all()
    assert (lost.kind, lost.body, sample.kind) == (record.LOST, {0: 2}, record.TELEMETRY)


def test_a_gateway_that_leaves_with_the_memory_full_costs_no_sample_on_flash(wire):
    in_memory = 0
    while wire.telemetry():  # of the time when it seemed to be there
        in_memory += 1
    for _ in range(1_440):
        assert wire.telemetry(durable=True)
    assert wire.fault() and wire.journal.samples.unsent() == 1_440 and wire.journal.lost == 0
    assert wire.outbox._bytes < TELEMETRY_BYTES + 200
    lost = 1  # the one that memory refused
    told = [made.body[0] for made in wire.all() if made.kind == record.LOST]
    assert told == [] and wire.outbox._lost == lost
    assert wire.outbox._seq == in_memory + 1_440 + 1


def test_a_slow_gateway_gets_one_record_of_all_that_was_lost_meanwhile(wire):
    """It stores one record in 20 s, of a sample a second: it is not away, and cannot follow."""
    for second in range(600):
        wire.now_ms = 1_000 * second
        wire.telemetry()
        if second % 20 == 0:
            entry = wire.outbox.next(wire.now_ms)
            wire.outbox.sent(entry, wire.now_ms)
            wire.outbox.stored(entry[:2], wire.now_ms)
            wire.outbox.rewind(wire.now_ms)
            assert not wire.outbox.is_away(wire.now_ms)
    assert wire.journal.events.unsent() == 0  # nothing of it on flash
    kept = 30 + sum([made.kind == record.TELEMETRY for made in wire.all()])
    assert wire.telemetry()
    lost, _ = wire.all()
    assert lost.body == {0: 600 - kept} and lost.kind == record.LOST


@pytest.mark.parametrize("at_start", [False, True])
def test_a_file_that_was_unreadable_for_a_while_is_not_taken_for_stored(
    folder, monkeypatch, at_start
):
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 300)
    wire = Wire(folder)
    for _ in range(40):
        assert wire.fault()
    bad = f"events/{wire.journal.events.numbers[1]}"

    def fails(path, mode):
        if path.endswith(bad):
            raise OSError(5)
        return open(path, mode)

    with monkeypatch.context() as patch:
        patch.setattr(segments, "open", fails, raising=False)
        if at_start:
            wire = Wire(folder, boot=2)
        told = {(made.boot, made.seq) for made in wire.all()}
    hidden = {(1, seq) for seq in range(40)} - told
    assert 0 < len(hidden) < 10
    again = Wire(folder, boot=3)
    assert hidden <= {(made.boot, made.seq) for made in again.all()}
    assert Wire(folder, boot=4).all() == []


def test_samples_that_flash_does_not_take_stay_within_the_bounds_of_memory(wire, monkeypatch):
    FlakyFlash(monkeypatch, fails_at=1, for_good=True)
    while wire.telemetry(durable=True):
        pass
    assert wire.outbox.journal_failed
    assert TELEMETRY_BYTES <= wire.outbox._bytes < TELEMETRY_BYTES + 200
    assert wire.fault() and wire.outbox.has_room()


def test_what_flash_does_not_take_goes_out_from_memory_within_bounds(wire, monkeypatch):
    flash = FlakyFlash(monkeypatch, fails_at=1, for_good=True)
    while wire.fault():
        pass
    assert wire.outbox.journal_failed and MINOR_BYTES <= wire.outbox._bytes < MINOR_BYTES + 200
    while wire.outbox.has_room():
        assert wire.outbox.record(record.LOCK, {0: 0, 1: 1, 2: 1}, 0)
    assert COMMAND_BYTES <= wire.outbox._bytes < 4_000
    count = wire.outbox._seq
    flash.heal()
    assert wire.outbox.record(record.LOCK, {0: 0, 1: 1, 2: 1}, 0)
    while wire.outbox.journal_failed:  # each further record takes an earlier one along
        wire.outbox.record(record.LOCK, {0: 0, 1: 1, 2: 1}, 0)
        count += 1
    assert wire.outbox._bytes == 0
    assert [made.seq for made in wire.all()] == list(range(count + 1))


def test_full_of_events_takes_no_command(folder, small, monkeypatch):
    wire = Wire(folder)
    minor = 0
    while wire.fault():
        minor += 1
    assert wire.outbox.has_room() and not wire.outbox.journal_failed
    while wire.outbox.has_room():
        assert wire.outbox.record(record.LOCK, {0: 0, 1: 1, 2: 1}, 0)
    assert wire.outbox.record(record.ANSWER, {0: b"", 1: 1, 2: b"", 3: 0}, 0)
    assert wire.outbox._bytes == 0
    assert [made.seq for made in wire.all()] == list(range(wire.outbox._seq))
    assert wire.outbox.has_room() and wire.fault()


def test_durable_samples_and_events_survive_a_restart(folder):
    wire = Wire(folder)
    for number in range(9):
        assert wire.telemetry(number % 3 == 0 or None)
        assert wire.fault()
    again = Wire(folder, boot=2)
    assert again.outbox.restore() == 12
    kept = [made.seq for made in again.all()]
    assert kept == sorted({0, 6, 12} | {2 * number + 1 for number in range(9)})


def test_is_away(wire):
    assert wire.outbox.is_away(0)
    wire.fault()
    wire.drain()
    wire.outbox.stored((1, 0), 1_000)
    assert not wire.outbox.is_away(1_000)
    assert not wire.outbox.is_away(10_000_000)  # nothing waits for it
    wire.now_ms = 10_000_000
    wire.fault()
    assert not wire.outbox.is_away(10_000_000 + AWAY_MS - 1)
    assert wire.outbox.is_away(10_000_000 + AWAY_MS)
    wire.now_ms += AWAY_MS
    wire.telemetry(True)
    assert wire.outbox.is_away(wire.now_ms)
    wire.drain()
    wire.outbox.stored((1, 1), wire.now_ms)
    assert not wire.outbox.is_away(wire.now_ms)
    assert wire.outbox.is_away(wire.now_ms + AWAY_MS)


def test_lost_samples_are_told_when_the_gateway_is_back(folder, small):
    wire = Wire(folder)
    made = 0
    while not wire.journal.lost:
        assert wire.telemetry(True)
        made += 1
    again = Wire(folder, boot=2)  # the count survives a restart
    assert again.journal.lost == wire.journal.lost
    assert again.telemetry(True)
    told = again.all()
    assert record.LOST not in [item.kind for item in told]
    assert again.telemetry(True)
    (lost, _) = again.all()
    assert lost.kind == record.LOST
    assert lost.body[0] + len(told) == made + 1
    assert Wire(folder, boot=3).journal.lost == 0


def test_file_that_was_being_given_up_goes_at_the_next_start_and_once(folder, small, monkeypatch):
    wire = Wire(folder)
    while len(wire.journal.samples.numbers) < MOST_FILES or not wire.journal.samples.begins():
        assert wire.telemetry(True)
    before = wire.journal.samples.unsent()
    with monkeypatch.context() as patch:
        patch.setattr(Segments, "drop", lambda self, index: os.remove("/nowhere"))
        assert not wire.telemetry(True)
    again = Wire(folder, boot=2)
    assert again.journal.lost > 0
    assert again.journal.samples.unsent() + again.journal.lost == before
    third = Wire(folder, boot=3)
    assert third.journal.lost == again.journal.lost
    assert third.journal.samples.unsent() == again.journal.samples.unsent()


def test_refusals_are_limited_and_counted(wire):
    refusals = Refusals(wire.outbox)
    for _ in range(25):
        refusals.refuse(refusal.MALFORMED, None, 1_000)
    refusals.refuse(refusal.CHALLENGE, None, 7_000)
    bodies = [made.body for made in wire.all()]
    assert len(bodies) == 11
    assert bodies[-1] == {0: b"", 1: refusal.CHALLENGE, 2: 0, 3: 15}
    assert refusals.last_code == refusal.CHALLENGE


# --- in the vehicle ---


def test_boot_is_never_below_the_journal(folder, tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    journal(folder).append(False, 41, 0, b"a record")
    assert Bench(folder).vcu.state.boot == 42


def test_events_survive_a_restart_in_order(folder, tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    first = Bench(folder, stores=False)
    first.run(12_000)
    again = Bench(folder)
    again.run(3_000)
    names = [(made.boot, made.seq) for made in again.gateway.records]
    assert names == sorted(names) and {boot for boot, _ in names} == {1, 2}
    assert again.gateway.records[0].kind == record.BOOT
    assert again.kinds(record.BOOT)[1][4] == sum(boot == 1 for boot, _ in names)


def test_failing_flash_is_reported_and_recovers(folder, tmp_path, monkeypatch):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    bench = Bench(folder)
    outbox = bench.vcu.outbox
    with monkeypatch.context() as patch:
        FlakyFlash(patch, fails_at=1, for_good=True, error=28)
        outbox.record(record.FAULT, {0: 2, 1: 3, 2: True}, 0)
        assert outbox.journal_failed
        bench.run(1_500)
        assert [body[1] for body in bench.kinds(record.FAULT)] == [3, 0x1_0002]
    outbox.record(record.FAULT, {0: 2, 1: 3, 2: False}, 0)
    assert not outbox.journal_failed
    assert Memory(folder, lambda: NOW_S).damage() == {}


def test_no_command_without_room_for_its_record(folder, tmp_path, monkeypatch):
    from protocol.errors import RefusedError

    (tmp_path / "identity").write_bytes(identity(OWNER))
    bench = Bench(folder)
    monkeypatch.setattr(bench.vcu.outbox, "has_room", lambda: False)
    with pytest.raises(RefusedError):
        bench.vcu.commands._require_room(1)
    bench.vcu.drive.lock = 2
    bench.vcu.commands._require_room(2)


# --- version 1 ---


def old_frame(letter, boot, seq, data=b""):
    payload = letter + struct.pack(">II", boot, seq) + data
    return struct.pack(">H", len(payload)) + hashlib.sha256(payload).digest()[:4] + payload


def test_journal_of_version_1_is_taken_over(folder, tmp_path):
    old = b"".join(old_frame(b"R", *item) for item in items(5))
    old += old_frame(b"S", 1, 1) + old_frame(b"R", 1, 5, b"record 5")
    for cut in (len(old), len(old) - 3):
        (tmp_path / "journal").write_bytes(old[:cut])
        made = journal(folder)
        assert everything(made) == (items(4, 2) if cut == len(old) else items(3, 2))
        assert not (tmp_path / "journal").exists()
        assert everything(journal(folder)) == everything(made)
        made.advance((1, 9))


@given(st.binary(max_size=200))
def test_old_journal_of_noise(tmp_path_factory, noise):
    folder = tmp_path_factory.mktemp("noise")
    (folder / "journal").write_bytes(noise)
    assert everything(journal(f"{folder}/")) == []


def test_journal_of_version_1_is_moved_once_whatever_fails(folder, tmp_path, monkeypatch):
    old = b"".join(old_frame(b"R", *item) for item in items(3))
    for stored in (False, True):
        for at in range(1, 9):
            (tmp_path / "journal").write_bytes(old)
            with monkeypatch.context() as patch:
                FlakyFlash(patch, fails_at=at, stored=stored, for_good=True)
                journal(folder)
            made = journal(folder)
            assert everything(made) == items(3), (stored, at)
            made.advance((1, 9))
            assert made.events.numbers == []
