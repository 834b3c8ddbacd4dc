"""ISO-TP: against an independent implementation in both directions, and against noise."""

import isotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vcu.isotp import FLOW_CONTINUE, FLOW_OVERFLOW, MAX_WAITS, TIMEOUT_MS, Receiver, Sender

SIZES = [1, 6, 7, 8, 13, 14, 62, 230, 4094, 4095]


class Oracle:
    """can-isotp with its frames in two lists."""

    def __init__(self, **changes):
        self.out = []
        self.into = []
        params = {"tx_padding": 0xCC, "blocksize": 8, "stmin": 0, "max_frame_size": 4095}
        self._layer = isotp.TransportLayerLogic(
            rxfn=lambda timeout: self.into.pop(0) if self.into else None,
            txfn=lambda message: self.out.append(bytes(message.data)),
            address=isotp.Address(isotp.AddressingMode.Normal_11bits, txid=0x500, rxid=0x508),
            params={**params, **changes},
        )

    def feed(self, data):
        self.into.append(isotp.CanMessage(arbitration_id=0x508, data=data))

    def turn(self):
        self._layer.process()
        out, self.out = self.out, []
        return out

    def send(self, message):
        self._layer.send(message)

    def received(self):
        return self._layer.recv()


@pytest.mark.parametrize("size", SIZES)
def test_receives_what_the_oracle_sends(size):
    message = bytes(i * 7 & 0xFF for i in range(size))
    oracle, receiver = Oracle(), Receiver()
    oracle.send(message)
    got = None
    for _ in range(2_000):
        for frame in oracle.turn():
            assert len(frame) == 8
            got = receiver.take(frame, 0) or got
            if receiver.reply:
                oracle.feed(receiver.reply)
        if got:
            break
    assert got == message and not receiver.is_busy()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("blocksize", [0, 1, 8])
def test_oracle_receives_what_it_sends(size, blocksize):
    message = bytes(i * 11 & 0xFF for i in range(size))
    oracle, sender = Oracle(blocksize=blocksize), Sender()
    sender.start(message, 0)
    got = None
    for _ in range(5_000):
        frame = sender.frame(0)
        if frame:
            assert len(frame) == 8
            oracle.feed(frame)
            sender.sent(0)
        for reply in oracle.turn():
            sender.flow(reply, 0)
        got = oracle.received()
        if got:
            break
    assert got == message and not sender.is_busy()


def first(size, data=b"abcdef"):
    return bytes((0x10 | size >> 8, size & 0xFF)) + data


def consecutive(sequence, data=b"ghijklm"):
    return bytes((0x20 | sequence,)) + data


def test_wrong_sequence_aborts_and_is_counted():
    receiver = Receiver()
    receiver.take(first(20), 0)
    assert receiver.reply == FLOW_CONTINUE
    assert receiver.take(consecutive(2), 1) is None
    assert receiver.wrong_sequence == 1 and not receiver.is_busy()
    assert receiver.take(consecutive(1), 2) is None
    assert receiver.malformed == 1


def test_silent_sender_times_out():
    receiver = Receiver()
    receiver.take(first(20), 0)
    receiver.tick(TIMEOUT_MS - 1)
    assert receiver.is_busy()
    assert receiver.take(consecutive(1), TIMEOUT_MS) is None
    assert receiver.timeouts == 1 and not receiver.is_busy()


def test_longer_than_4095_gets_overflow():
    receiver = Receiver()
    receiver.take(b"\x10\x00\x00\x00\x10\x00ab", 0)
    assert receiver.reply == FLOW_OVERFLOW and receiver.overflows == 1 and not receiver.is_busy()


def test_new_message_ends_the_old_one():
    receiver = Receiver()
    receiver.take(first(20), 0)
    assert receiver.take(b"\x02hi\xcc\xcc\xcc\xcc\xcc", 1) == b"hi"
    assert receiver.interrupted == 1 and not receiver.is_busy()


@pytest.mark.parametrize(
    "frame",
    [b"", b"\x01", b"\x01a", b"\x00" + bytes(7), b"\x08" + bytes(7), first(7), b"\x40" + bytes(7)],
)
def test_malformed_frames_are_counted(frame):
    receiver = Receiver()
    assert receiver.take(frame, 0) is None
    assert receiver.malformed == 1 and receiver.reply is None


class Model:
    """What a strict reader would say: the message is the concatenation, or there is none."""

    def __init__(self):
        self.size = 0
        self.data = b""
        self.sequence = 0

    def take(self, frame):
        if len(frame) != 8:
            return None
        kind, low = frame[0] >> 4, frame[0] & 15
        if kind == 0 and 1 <= low <= 7:
            self.size = 0
            return frame[1 : 1 + low]
        if kind == 1:
            size = low << 8 | frame[1]
            if size == 0:
                self.size = 0
            elif size >= 8:
                self.size, self.data, self.sequence = size, frame[2:], 1
        elif kind == 2 and self.size:
            if low != self.sequence:
                self.size = 0
                return None
            self.sequence = self.sequence + 1 & 15
            self.data += frame[1:]
            if len(self.data) >= self.size:
                size, self.size = self.size, 0
                return self.data[:size]
        return None


likely = st.one_of(
    st.binary(max_size=9),
    st.builds(first, st.integers(0, 40), st.binary(min_size=6, max_size=6)),
    st.builds(consecutive, st.integers(0, 4), st.binary(min_size=7, max_size=7)),
)


@given(st.lists(likely, max_size=40))
def test_noise_never_raises_nor_makes_a_wrong_message(frames):
    receiver, model = Receiver(), Model()
    for frame in frames:
        assert receiver.take(frame, 0) == model.take(frame)


@given(
    st.binary(min_size=1, max_size=300),
    st.lists(st.tuples(st.binary(max_size=9), st.integers(0, 1500)), max_size=40),
)
def test_sender_survives_any_flow_control(message, replies):
    sender, now_ms = Sender(), 0
    sender.start(message, 0)
    for reply, wait_ms in replies:
        now_ms += wait_ms
        sender.tick(now_ms)
        if sender.frame(now_ms):
            sender.sent(now_ms)
        sender.flow(reply, now_ms)
    assert sender.tick(now_ms + TIMEOUT_MS) or not sender.is_busy()


def test_no_flow_control_times_out():
    sender = Sender()
    sender.start(bytes(20), 0)
    sender.sent(0)
    assert sender.frame(10) is None
    assert not sender.tick(TIMEOUT_MS - 1) and sender.tick(TIMEOUT_MS)
    assert sender.timeouts == 1 and not sender.is_busy()


def test_wait_frames_are_bounded_and_overflow_ends_it():
    sender = Sender()
    sender.start(bytes(20), 0)
    sender.sent(0)
    for i in range(MAX_WAITS):
        assert not sender.flow(b"\x31" + bytes(7), i * 900)
    assert sender.flow(b"\x31" + bytes(7), 9_000)
    sender.start(bytes(20), 0)
    sender.sent(0)
    assert sender.flow(FLOW_OVERFLOW, 1)
    assert sender.refused == 2


@pytest.mark.parametrize(("st_min", "gap_ms"), [(0, 0), (20, 20), (0xF3, 1), (0x80, 127)])
def test_separation_time_is_kept(st_min, gap_ms):
    sender = Sender()
    sender.start(bytes(40), 0)
    sender.sent(0)
    sender.flow(bytes((0x30, 0, st_min)) + bytes(5), 100)
    assert sender.frame(100)
    sender.sent(100)
    if gap_ms:
        assert sender.frame(100 + gap_ms - 1) is None
    assert sender.frame(100 + gap_ms)


@pytest.mark.parametrize("size", [0, 4096])
def test_lengths_that_do_not_exist(size):
    with pytest.raises(ValueError):
        Sender().start(bytes(size), 0)
