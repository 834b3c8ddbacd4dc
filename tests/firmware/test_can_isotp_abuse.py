"""ISO-TP that never ends, overlaps or lies about its length: counted by name, and over in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vcu.isotp import (
    MAX_WAITS,
    MESSAGE_MS,
    RECEIVER_COUNTERS,
    SENDER_COUNTERS,
    TIMEOUT_MS,
    Receiver,
    Sender,
)
from vcu.link import Link


def first(size, data=b"abcdef"):
    return bytes((0x10 | size >> 8, size & 0xFF)) + data


def consecutive(sequence, data=b"ghijklm"):
    return bytes((0x20 | sequence & 15,)) + data


def counted(machine):
    names = RECEIVER_COUNTERS if isinstance(machine, Receiver) else SENDER_COUNTERS
    return dict(zip(names.split(), machine.counters(), strict=True))


def test_a_message_that_crawls_is_given_up():
    receiver, now_ms, sequence = Receiver(), 0, 0
    receiver.take(first(4095), 0)
    while receiver.is_busy():
        now_ms += TIMEOUT_MS - 100
        sequence += 1
        receiver.take(consecutive(sequence), now_ms)
    assert now_ms <= MESSAGE_MS + TIMEOUT_MS and counted(receiver)["too_slow"] == 1
    # What comes after the end belongs to nothing.
    assert counted(receiver)["malformed"] == 1


def test_a_message_that_stops_is_given_up():
    receiver = Receiver()
    receiver.take(first(100), 0)
    receiver.tick(TIMEOUT_MS)
    assert not receiver.is_busy() and counted(receiver)["timeouts"] == 1


def test_messages_that_overlap_end_the_ones_before():
    receiver = Receiver()
    for number in range(10):
        assert receiver.take(first(20), number) is None
        receiver.take(consecutive(1), number)
    assert counted(receiver)["interrupted"] == 9
    assert receiver.take(consecutive(2), 10) == b"abcdefghijklmghijklm"


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (b"\x00" + bytes(7), "malformed"),  # nothing
        (b"\x08" + bytes(7), "malformed"),  # more than a frame
        (b"\x0f" + bytes(7), "malformed"),
        (first(0), "overflows"),  # a length of 32 bits
        (first(1), "malformed"),  # it would fit a single frame
        (first(7), "malformed"),
        (b"\x05abc", "malformed"),  # a short frame
    ],
)
def test_lies_about_the_length(frame, name):
    receiver = Receiver()
    assert receiver.take(frame, 0) is None and not receiver.is_busy()
    assert counted(receiver)[name] == sum(receiver.counters()) == 1


def test_more_than_it_said_belongs_to_nothing():
    receiver = Receiver()
    receiver.take(first(10), 0)
    assert receiver.take(consecutive(1), 0) == b"abcdefghij"
    for sequence in range(2, 100):
        assert receiver.take(consecutive(sequence), 0) is None
    assert counted(receiver)["malformed"] == 98


hostile = st.one_of(
    st.builds(first, st.integers(0, 4095), st.binary(min_size=6, max_size=6)),
    st.builds(consecutive, st.integers(0, 15), st.binary(min_size=7, max_size=7)),
    st.just("next"),  # the right consecutive frame
    st.binary(max_size=8),
)


@given(st.lists(st.tuples(hostile, st.integers(0, 1_200)), max_size=60))
def test_each_message_that_begins_ends_in_one_way(events):
    receiver, now_ms = Receiver(), 0
    begun = completed = sequence = 0
    begun_ms = last_ms = 0
    for frame, wait_ms in events:
        now_ms += wait_ms
        data = consecutive(sequence + 1) if frame == "next" else frame
        before = sum(receiver.counters())
        was_busy = receiver.is_busy()
        message = receiver.take(data, now_ms)
        if len(data) == 8 and data[0] >> 4 == 1 and (data[0] & 15 or data[1] >= 8):
            begun += 1
            begun_ms = last_ms = now_ms
            sequence = 0
        elif receiver.is_busy() and len(data) == 8 and data[0] >> 4 == 2:
            sequence += 1
            last_ms = now_ms
        if message is not None and was_busy and data[0] >> 4 == 2:
            completed += 1
        # Whatever neither begins, continues nor ends a message is counted.
        else:
            assert message or receiver.is_busy() or sum(receiver.counters()) > before
        if receiver.is_busy():
            assert now_ms - last_ms < TIMEOUT_MS and now_ms - begun_ms < MESSAGE_MS
    counts = counted(receiver)
    ended = sum(counts[name] for name in ("wrong_sequence", "timeouts", "interrupted", "too_slow"))
    assert begun == completed + ended + receiver.is_busy()


flows = st.one_of(
    st.builds(lambda block, gap: bytes((0x30, block, gap)) + bytes(5), st.integers(0, 3),
              st.integers(0, 255)),
    st.just(b"\x31" + bytes(7)),
    st.just(b"\x32" + bytes(7)),
    st.binary(max_size=8),
)  # fmt: skip


@given(st.integers(8, 4095), st.lists(flows, max_size=60), st.integers(1, 990))
def test_a_sender_is_done_in_time_whatever_it_is_told(size, replies, pace_ms):
    sender, now_ms = Sender(), 0
    sender.start(bytes(size), 0)
    replies = list(replies)
    gave_up = False
    while sender.is_busy() and not gave_up:
        assert now_ms <= MESSAGE_MS
        if sender.frame(now_ms):
            sender.sent(now_ms)
        if replies:
            gave_up = sender.flow(replies.pop(0), now_ms)
        now_ms += pace_ms
        gave_up = sender.tick(now_ms) or gave_up
    assert gave_up == (
        sum(counted(sender)[name] for name in ("timeouts", "refused", "too_slow")) == 1
    )


def test_endless_waiting_is_refused():
    sender = Sender()
    sender.start(bytes(100), 0)
    sender.sent(0)
    for number in range(MAX_WAITS):
        assert not sender.flow(b"\x31" + bytes(7), number)
    assert sender.flow(b"\x31" + bytes(7), 20) and counted(sender)["refused"] == 1


def test_a_receiver_that_takes_a_frame_a_second_is_given_up():
    sender, now_ms = Sender(), 0
    sender.start(bytes(4095), 0)
    sender.sent(0)
    while sender.is_busy():
        now_ms += 900
        if sender.tick(now_ms):
            break
        sender.flow(b"\x30\x01\x00" + bytes(5), now_ms)
        if sender.frame(now_ms):
            sender.sent(now_ms)
    assert now_ms <= MESSAGE_MS + 900 and counted(sender)["too_slow"] == 1


def test_health_tells_of_every_counter():
    link = Link(lambda *frame: True, None, b"hello", None, lambda *presented: None)
    told = link.health_sources()
    told = {(id(told[at + 1]), told[at + 2]) for at in range(0, len(told), 3)}
    for machine, names in ((link._receiver, RECEIVER_COUNTERS), (link._sender, SENDER_COUNTERS)):
        assert {(id(machine), name) for name in names.split()} <= told
