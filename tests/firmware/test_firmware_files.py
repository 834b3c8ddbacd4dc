"""Journal, state and outbox: cut short or damaged at every byte, full, resent, stored."""

import hashlib
import os

import pytest
from bench import NOW_S, Bench, identity
from hypothesis import given
from hypothesis import strategies as st
from vcu import journal as journal_module
from vcu.errors import StoreError
from vcu.journal import Journal
from vcu.records import COMMAND_BYTES, MINOR_BYTES, RESEND_MS, TELEMETRY_BYTES, WINDOW, Outbox
from vcu.refusals import Refusals
from vcu.store import State, Store, decode_state, encode_state

from protocol import record, refusal
from protocol.errors import DecodeError

OWNER = bytes(range(32))


@pytest.fixture
def folder(tmp_path):
    return f"{tmp_path}/"


def _items(count):
    return [(1, seq, b"record %d" % seq) for seq in range(count)]


def _write(folder, items):
    journal = Journal(folder)
    for item in items:
        journal.append(*item)
    return journal


def test_journal_comes_back_and_forgets_what_is_stored(folder):
    journal = _write(folder, _items(4))
    journal.stored(1, 1, _items(4)[2:])
    assert Journal(folder).replay() == _items(4)[2:]


def test_journal_cut_at_every_byte(folder, tmp_path):
    items = _items(3)
    _write(folder, items)
    whole = (tmp_path / "journal").read_bytes()
    ends = [len(whole) * (i + 1) // 3 for i in range(3)]
    for cut in range(len(whole) + 1):
        (tmp_path / "journal").write_bytes(whole[:cut])
        expected = items[: sum(end <= cut for end in ends)]
        journal = Journal(folder)
        assert journal.replay() == expected
        # What is written behind the cut is not lost behind a torn frame.
        journal.append(2, 0, b"after")
        assert Journal(folder).replay() == [*expected, (2, 0, b"after")]


def test_journal_damaged_at_every_byte_believes_no_damaged_record(folder, tmp_path):
    items = _items(3)
    _write(folder, items)
    whole = (tmp_path / "journal").read_bytes()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x55
        (tmp_path / "journal").write_bytes(damaged)
        found = Journal(folder).replay()
        assert found == items[: len(found)]


@given(st.binary(max_size=200))
def test_journal_of_noise(tmp_path_factory, noise):
    folder = tmp_path_factory.mktemp("noise")
    (folder / "journal").write_bytes(noise)
    assert isinstance(Journal(f"{folder}/").replay(), list)


def test_journal_is_compacted(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "COMPACT_BYTES", 200)
    journal = Journal(folder)
    for item in _items(50):
        journal.append(*item)
        journal.stored(item[0], item[1], [])
    assert (tmp_path / "journal").stat().st_size < 300
    assert Journal(folder).replay() == []


def _state():
    state = State(OWNER)
    state.boot, state.generation, state.time_floor = 7, 2, NOW_S
    state.owner, state.revoked, state.odometer_m = bytes(range(32)), [bytes(16)], 1234
    return state


def test_state_comes_back(folder):
    Store(folder).save(_state())
    assert vars(Store(folder).state()) == vars(_state())


def test_state_cut_or_damaged_at_every_byte_is_refused():
    whole = encode_state(_state())
    for at in range(len(whole)):
        with pytest.raises(DecodeError):
            decode_state(whole[:at])
        damaged = bytearray(whole)
        damaged[at] ^= 0x01
        with pytest.raises(DecodeError):
            decode_state(bytes(damaged))


def test_power_cut_while_the_state_is_written_leaves_the_old_one(folder, tmp_path):
    store = Store(folder)
    store.save(_state())
    newer = _state()
    newer.generation = 3
    whole = encode_state(newer)
    for cut in range(len(whole) + 1):
        (tmp_path / "state.new").write_bytes(whole[:cut])
        assert store.state().generation == 2
    os.rename(tmp_path / "state.new", tmp_path / "state")
    assert store.state().generation == 3


@given(st.binary(max_size=300), st.booleans())
def test_state_of_noise_is_refused(tmp_path_factory, noise, sealed):
    folder = tmp_path_factory.mktemp("noise")
    data = noise + hashlib.sha256(noise).digest() if sealed else noise
    (folder / "state").write_bytes(data)
    with pytest.raises(StoreError):
        Store(f"{folder}/").state()


def test_boots_are_counted_and_survive_a_new_identity(folder, tmp_path):
    for boot in (1, 2):
        (tmp_path / "identity").write_bytes(identity(OWNER))
        bench = Bench(folder)
        assert bench.vcu.state.boot == boot
    bench.vcu.state.generation = 5
    bench.vcu.store.save(bench.vcu.state)
    (tmp_path / "identity").write_bytes(identity(bytes(range(1, 33))))
    bench = Bench(folder)
    assert bench.vcu.state.boot == 3
    assert bench.vcu.state.generation == 0 and bench.vcu.fault == 0
    assert bench.vcu.gate.authority.owner == bytes(range(1, 33))


def test_boot_is_never_below_the_journal(folder, tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    Journal(folder).append(41, 0, b"a record")
    assert Bench(folder).vcu.state.boot == 42


class Wire:
    """An outbox and what it would send."""

    def __init__(self, folder):
        self.now_ms = 0
        self.outbox = Outbox(
            "tf-0001", 1, lambda message: bytes(32), Journal(folder), lambda: NOW_S
        )

    def fault(self):
        return self.outbox.record(record.FAULT, {0: 1, 1: 2, 2: True}, self.now_ms)

    def telemetry(self):
        return self.outbox.record(record.TELEMETRY, {0: 1}, self.now_ms)

    def drain(self):
        sent = []
        while (entry := self.outbox.next(self.now_ms)) is not None:
            self.outbox.sent(entry, self.now_ms)
            sent.append(entry[1])
        return sent


def test_window_resend_and_stored(folder):
    wire = Wire(folder)
    for _ in range(12):
        wire.fault()
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
    assert Journal(folder).replay() == []


def test_stored_out_of_thin_air_frees_nothing(folder):
    wire = Wire(folder)
    wire.fault()
    wire.outbox.stored((0xFFFFFFFF, 0xFFFFFFFF), 0)
    assert wire.drain() == [0]


def test_record_that_is_stored_while_it_is_sent_again(folder):
    wire = Wire(folder)
    for _ in range(3):
        wire.fault()
    wire.drain()
    wire.outbox.rewind(0)
    entry = wire.outbox.next(0)
    wire.outbox.stored((1, 1), 0)
    wire.outbox.sent(entry, 0)
    assert wire.drain() == [2]


def test_full_memory_loses_telemetry_first_and_says_how_much(folder):
    wire = Wire(folder)
    taken = 0
    while wire.telemetry():
        taken += 1
    assert not wire.telemetry() and taken > TELEMETRY_BYTES // 200
    while wire.fault():
        pass
    assert wire.outbox._bytes >= MINOR_BYTES
    assert wire.outbox.has_room()
    while wire.outbox.has_room():
        assert wire.outbox.record(record.LOCK, {0: 0, 1: 1, 2: 1}, 0)
    assert wire.outbox._bytes >= COMMAND_BYTES
    last = 0
    while sent := wire.drain():
        last = sent[-1]
        wire.outbox.stored((1, last), 0)
    assert wire.telemetry()
    kinds = [record.decode_unverified(entry[2]) for entry in wire.outbox._entries]
    assert [(made.kind, made.seq) for made in kinds] == [(record.LOST, last + 1), (5, last + 2)]
    assert kinds[0].body == {0: 2}


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


def test_failing_flash_is_reported_and_written_anew(folder, tmp_path, monkeypatch):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    bench = Bench(folder)
    journal = bench.vcu.outbox._journal

    def fail(payload):
        with open(tmp_path / "journal", "ab") as file:
            file.write(b"\x00\x20half")
        raise OSError(28)

    with monkeypatch.context() as patch:
        patch.setattr(journal, "_append", fail)
        bench.vcu.outbox.record(record.FAULT, {0: 2, 1: 3, 2: True}, 0)
        assert bench.vcu.outbox.journal_failed
    bench.vcu.outbox.record(record.FAULT, {0: 2, 1: 3, 2: False}, 0)
    assert not bench.vcu.outbox.journal_failed
    replayed = Journal(folder).replay()
    assert record.decode_unverified(replayed[-1][2]).body[2] is False
    assert not Journal(folder).torn


def test_a_torn_journal_on_a_full_flash_does_not_keep_the_vehicle_from_starting(
    folder, tmp_path, monkeypatch
):
    def full(journal, records):
        raise OSError(28)

    (tmp_path / "identity").write_bytes(identity(OWNER))
    Bench(folder, stores=False).run(1_500)
    with (tmp_path / "journal").open("ab") as file:
        file.write(b"torn")
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "compact", full)
        bench = Bench(folder, stores=False)
        assert bench.vcu.fault == 0 and bench.vcu.outbox.journal_failed
    bench.vcu.outbox.record(record.FAULT, {0: 2, 1: 3, 2: True}, 0)
    assert not bench.vcu.outbox.journal_failed and not Journal(folder).torn
    assert [item[:2] for item in Journal(folder).replay()] == [(1, 0), (1, 1), (2, 2)]


def test_refusals_are_limited_and_counted(folder):
    wire = Wire(folder)
    refusals = Refusals(wire.outbox)
    for _ in range(25):
        refusals.refuse(refusal.MALFORMED, None, 1_000)
    assert len(wire.outbox._entries) == 10
    refusals.refuse(refusal.CHALLENGE, None, 7_000)
    bodies = [record.decode_unverified(entry[2]).body for entry in wire.outbox._entries]
    assert len(bodies) == 11
    assert bodies[-1] == {0: b"", 1: refusal.CHALLENGE, 2: 0, 3: 15}
    assert refusals.last_code == refusal.CHALLENGE


def test_no_command_without_room_for_its_record(folder, tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    bench = Bench(folder)
    bench.vcu.outbox._bytes = COMMAND_BYTES
    from protocol.errors import RefusedError

    with pytest.raises(RefusedError):
        bench.vcu.commands._require_room(1)
    bench.vcu.drive.lock = 2
    bench.vcu.commands._require_room(2)
