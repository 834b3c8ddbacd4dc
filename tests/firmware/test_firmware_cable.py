"""The serial line: its answers, its noise, its limits; never a secret back."""

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vcu.cable import CHALLENGE_MS, Cable

from protocol import refusal
from protocol.presentation import MAX_BYTES

REFUSED_BUSY = b"refused 19 BUSY\r\n"
REFUSED_MALFORMED = b"refused 1 MALFORMED\r\n"


class Desk:
    """Takes presentations one at a time, as the vehicle does. Misuse raises."""

    def __init__(self):
        self.given = 0
        self.provisioned = True
        self.taken = []
        self.result = None
        self.free = True

    def challenge(self, life_ms, now_ms):
        if life_ms != CHALLENGE_MS:
            raise ValueError(life_ms)
        self.given += 1
        return bytes([self.given]) * 16 if self.provisioned else None

    def offer(self, presentation, now_ms):
        if not isinstance(presentation, bytes) or not 0 < len(presentation) <= MAX_BYTES:
            raise ValueError("not a presentation")
        if self.free:
            self.taken.append(presentation)
            self.result = None
        return self.free

    def outcome(self):
        if not self.taken:
            raise ValueError("nothing was offered")
        return self.result


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def cable(desk):
    return open_cable(desk)


def open_cable(desk):
    return Cable(desk.challenge, desk.offer, desk.outcome, bytes(range(32)))


def present(data):
    return b"present " + base64.urlsafe_b64encode(data).rstrip(b"=") + b"\n"


def test_a_challenge(cable):
    wanted = b"challenge " + b"01" * 16 + b" 30\r\n"
    assert cable.take(b"challenge\n", 1_000) == wanted


def test_the_same_challenge_while_it_is_worth_signing_for(cable, desk):
    for now_ms, seconds in [(0, 30), (999, 29), (20_000, 10)]:
        assert cable.take(b"challenge\r", now_ms) == b"challenge %s %d\r\n" % (b"01" * 16, seconds)
    assert cable.take(b"challenge\r", 20_001) == b"challenge " + b"02" * 16 + b" 30\r\n"
    desk.result = 0
    cable.take(present(b"spends it"), 20_002)
    assert cable.take(b"challenge\r", 20_003) == b"challenge " + b"03" * 16 + b" 30\r\n"


def test_no_challenge_of_a_vehicle_that_obeys_nobody(cable, desk):
    desk.provisioned = False
    assert cable.take(b"challenge\n", 0) == b"refused 16 UNPROVISIONED\r\n"


@pytest.mark.parametrize(
    ("outcome", "said"),
    [(0, b"answer done\r\n"), (-1, b"answer pending\r\n")]
    + [
        (code, b"refused %d %s\r\n" % (code, name.encode())) for code, name in refusal.NAMES.items()
    ],
)
def test_what_became_of_a_presentation_is_said_once(cable, desk, outcome, said):
    assert cable.poll() == b""
    assert cable.take(present(b"one"), 0) == b""
    assert desk.taken == [b"one"]
    assert cable.poll() == b""
    desk.result = outcome
    assert cable.poll() == said
    assert cable.poll() == b""


def test_one_at_a_time(cable, desk):
    assert cable.take(present(b"one") + present(b"two"), 0) == REFUSED_BUSY
    desk.result = 0
    assert cable.poll() == b"answer done\r\n"
    desk.free = False  # the gateway's is being checked
    assert cable.take(present(b"three"), 0) == REFUSED_BUSY
    assert desk.taken == [b"one"] and cable.poll() == b""


@given(st.binary(min_size=1, max_size=MAX_BYTES), st.integers(1, 500), st.sampled_from("\r\n"))
def test_any_presentation_in_pieces_of_any_size(data, size, end):
    desk = Desk()
    cable = open_cable(desk)
    line = present(data)[:-1] + end.encode() + b"\n"
    for at in range(0, len(line), size):
        assert cable.take(line[at : at + size], 0) == b""
    assert desk.taken == [data]


def test_the_longest_and_one_byte_more(cable, desk):
    longest = bytes(MAX_BYTES)
    assert cable.take(present(longest), 0) == b"" and desk.taken == [longest]
    desk.result = 0
    cable.poll()
    assert cable.take(present(longest + b"x"), 0) == REFUSED_MALFORMED
    assert len(desk.taken) == 1


def test_a_line_without_an_end_fills_no_memory(cable):
    for _ in range(2_000):
        assert cable.take(b"A" * 1_000, 0) == b""
    assert len(cable._line) + len(cable._data) == 0
    assert cable.take(b"\nchallenge\n", 0).startswith(b"challenge ")
    cable.take(b"present ", 0)
    for _ in range(2_000):
        assert cable.take(b"A" * 1_000, 0) == b""
    assert len(cable._line) + len(cable._data) < 16
    assert cable.take(b"\n", 0) == REFUSED_MALFORMED


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"A",
        b"AAAAA",
        b"AB",  # bits that are left over are not 0
        b"AA==",
        b"A+AA",
        b"A/AA",
        b"AAAA AAAA",
        b"AA\x00A",
        b"\xc3\xa9AA",
        b"AAAA!",
        b" AAAA",
    ],
)
def test_refuses_what_is_no_base64url(cable, desk, text):
    assert cable.take(b"present " + text + b"\n", 0) == REFUSED_MALFORMED
    assert not desk.taken


@pytest.mark.parametrize(
    "noise",
    [
        b">>> ",
        b"\x03\x03\x02",
        b"MPY: soft reboot\r\n",
        b"Challenge\n",
        b"challenge \n",
        b" challenge\n",
        b"challenges\n",
        b"present\n",
        b"presents AAAA\n",
        b"print(open('identity').read())\n",
        b"\x01\x05A\x01",
        b"answer done\r\n",
    ],
)
def test_noise_gets_no_answer_and_does_no_harm(cable, desk, noise):
    assert cable.take(noise, 0) == b""
    assert not desk.taken and not desk.given
    assert cable.take(b"\nchallenge\n", 0).startswith(b"challenge ")


LINES = st.sampled_from([b"challenge\n", b"present ", b"\r", b"\n", b"AAAA", b"-_"]) | st.binary()


@given(st.lists(LINES, max_size=30), st.integers(1, 7))
def test_arbitrary_bytes_say_only_what_the_protocol_has_whatever_their_pieces(lines, size):
    data = b"".join(lines)
    whole, pieces = Desk(), Desk()
    said = open_cable(whole).take(data, 0)
    cable = open_cable(pieces)
    parts = b"".join(cable.take(data[at : at + size], 0) for at in range(0, len(data), size))
    assert parts == said and pieces.taken == whole.taken
    for line in said.split(b"\r\n")[:-1]:
        assert line.split()[0] in (b"challenge", b"refused")
        # Nothing of what was sent comes back.
        assert line in (REFUSED_BUSY[:-2], REFUSED_MALFORMED[:-2]) or line.endswith(b" 30")


def test_what_was_presented_is_never_said(cable, desk):
    secret = b"a very secret presentation"
    said = b"".join(cable.take(present(secret)[:at], 0) for at in range(40))
    said += cable.take(present(secret) + b"?", 0) + cable.poll()
    for form in (secret, base64.b64encode(secret)[:20], binascii.hexlify(secret)):
        assert form not in said


def test_says_which_software_runs(cable):
    said = b"software 0.1.0 " + bytes(range(32)).hex().encode() + b"\r\n"
    assert cable.take(b"software\r", 0) == said
    assert cable.take(b"softwares\rsoftwar\r software\r", 0) == b""
    bare = Cable(None, None, None, b"")
    assert bare.take(b"software\n", 0) == b"software 0.1.0 \r\n"
