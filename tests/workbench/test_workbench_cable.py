"""What the vehicle says on the line: answers, noise, and what only looks like an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.cable import Cable, CableAnswer, CableChallenge, CableSoftware, decode_line
from workbench.errors import CableError, PortError


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"challenge " + b"0a" * 16 + b" 30", CableChallenge(b"\x0a" * 16, 30)),
        (b"answer done", CableAnswer(0)),
        (b"answer pending", CableAnswer(0, pending=True)),
        (b"refused 15 SIGNATURE", CableAnswer(15, "SIGNATURE")),
        (b"refused 200 ", CableAnswer(200)),
        (b"software 0.1.0 " + b"0a" * 32, CableSoftware("0.1.0", b"\x0a" * 32)),
        (b"software 0.1.0 ", CableSoftware("0.1.0", b"")),
        (b"", None),
        (b">>> challenge", None),
        (b"MicroPython v1.28", None),
    ],
)
def test_reads_answers_and_passes_noise_over(line: bytes, reply: object) -> None:
    assert decode_line(line) == reply


@pytest.mark.parametrize(
    "line",
    [
        b"challenge 0a 30",
        b"challenge " + b"0A" * 16 + b" 30",
        b"challenge " + b"0a" * 16,
        b"answer done now",
        b"software 0.1.0",
        b"software 0.1.0 0a",
        b"answer maybe",
        b"refused 0 NONE",
        b"refused x SIGNATURE",
        b"refused 15 signature",
    ],
)
def test_refuses_half_an_answer(line: bytes) -> None:
    with pytest.raises(CableError):
        decode_line(line)


@given(
    st.binary(max_size=80),
    st.sampled_from([b"", b"challenge ", b"answer ", b"refused ", b"software "]),
)
def test_arbitrary_lines_raise_the_packages_error_only(line: bytes, begin: bytes) -> None:
    try:
        decode_line(begin + line)
    except CableError:
        return


def test_a_port_that_is_not_there() -> None:
    with pytest.raises(PortError):
        Cable("/dev/no-such-port")
