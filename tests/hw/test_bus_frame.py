"""Length of frames on the wire against ISO 11898-1 done naively, and the published bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.errors import FrameError
from hw.virtual_bus.frame import (
    INTERFRAME_BITS,
    Frame,
    arbitration_rank,
    checked,
    crc15,
    frame_bits,
)


def naive_fields(frame: Frame) -> str:
    """Start of frame to data as a text of bits."""
    remote = frame.remote_length is not None
    length = len(frame.data) if frame.remote_length is None else frame.remote_length
    payload = "".join(f"{byte:08b}" for byte in frame.data)
    if frame.extended:
        base, extension = frame.identifier >> 18, frame.identifier & 0x3FFFF
        return f"0{base:011b}11{extension:018b}{remote:d}00{length:04b}{payload}"
    return f"0{frame.identifier:011b}{remote:d}00{length:04b}{payload}"


def naive_crc(bits: str) -> str:
    crc = 0
    for bit in bits:
        feedback = int(bit) ^ (crc >> 14)
        crc = crc << 1 & 0x7FFF
        if feedback:
            crc ^= 0x4599
    return f"{crc:015b}"


def naive_bits(frame: Frame) -> int:
    """Stuffed by writing the stuff bits out, then delimiter, acknowledge, delimiter, end."""
    stuffed = ""
    for bit in naive_fields(frame) + naive_crc(naive_fields(frame)):
        stuffed += bit
        if stuffed[-5:] in ("00000", "11111"):
            stuffed += "1" if bit == "0" else "0"
    return len(stuffed) + 1 + 1 + 1 + 7


# Runs of equal bits are likelier than chance makes them: they are what stuffing is about.
payloads = st.lists(st.sampled_from([0, 0xFF, 0x0F, 0xF8, 0x3C, 0xAA, 0x83]), max_size=8).map(
    bytes
) | st.binary(max_size=8)
frames = st.one_of(
    st.builds(Frame, st.integers(0, 0x7FF), payloads, st.just(False), st.none()),
    st.builds(Frame, st.integers(0, 0x1FFFFFFF), payloads, st.just(True), st.none()),
    st.builds(Frame, st.integers(0, 0x7FF), st.just(b""), st.just(False), st.integers(0, 8)),
    st.builds(Frame, st.integers(0, 0x1FFFFFFF), st.just(b""), st.just(True), st.integers(0, 8)),
)


@given(frames)
def test_the_length_is_exact(frame: Frame) -> None:
    assert frame_bits(frame) == naive_bits(frame)


@given(st.integers(0, 0x7FF), st.binary(max_size=8))
def test_the_length_is_within_the_published_bounds(identifier: int, data: bytes) -> None:
    # Davis, Burns, Bril, Lukkien: Controller Area Network (CAN) schedulability analysis, 2007:
    # 8 s + 47 bits with the interframe space, and floor((34 + 8 s - 1) / 4) stuff bits at most.
    bits = frame_bits(Frame(identifier, data)) + INTERFRAME_BITS
    least = 8 * len(data) + 47
    assert least <= bits <= least + (34 + 8 * len(data) - 1) // 4


def test_the_check_value_of_the_catalogue() -> None:
    assert crc15(b"123456789") == 0x059E  # CRC-15/CAN of the catalogue of CRCs


def test_a_frame_worked_out_by_hand() -> None:
    # Identifier 0, no data: 19 zeros; the CRC of zeros is zero: 15 more. After each five of these
    # 34 zeros comes a stuff bit, six in all; then the ten bits that are never stuffed.
    assert frame_bits(Frame(0)) == 19 + 15 + 6 + 10


def arbitration_bits(frame: Frame) -> str:
    """What is sent until the bus is won: the recessive bits of the shorter format come last."""
    bits = naive_fields(frame)
    return bits[1 : 1 + (33 if frame.extended else 13)]


@given(frames, frames)
def test_the_lower_arbitration_field_wins(one: Frame, other: Frame) -> None:
    bits, others = arbitration_bits(one), arbitration_bits(other)
    common = min(len(bits), len(others))
    if bits[:common] == others[:common]:
        return  # the same identifier and kind: no winner on a wire either
    assert (arbitration_rank(one) < arbitration_rank(other)) == (bits < others)


@pytest.mark.parametrize(
    "frame",
    [
        Frame(0x800),
        Frame(-1),
        Frame(0x20000000, b"", True),
        Frame(1, bytes(9)),
        Frame(1, b"", False, 9),
        Frame(1, b"\1", False, 1),
    ],
)
def test_frames_that_cannot_exist_are_refused(frame: Frame) -> None:
    with pytest.raises(FrameError):
        checked(frame)
