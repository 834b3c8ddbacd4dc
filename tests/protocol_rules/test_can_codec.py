"""The half of the CAN codec that allocates nothing says what the half with names says, and the
packed table what the DBC says."""

import cantools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import can
from protocol.can_rows import four
from protocol.can_table import IDENTIFIERS, MESSAGES
from protocol.errors import DecodeError, EncodeError

DBC = cantools.database.load_file("hw/can/vehicle.dbc")
NAMES = sorted(name for name, message in MESSAGES.items() if message[5])
FAULTS = {
    "can-length": can.WRONG_LENGTH,
    "can-crc": can.WRONG_CRC,
    "can-range": can.WRONG_RANGE,
}


@st.composite
def filled(draw: st.DrawFn) -> tuple[str, dict[str, int], int]:
    """A message with values, their limits among them as often as not."""
    name = draw(st.sampled_from(NAMES))
    values = {
        signal: draw(st.sampled_from([least, most]) | st.integers(least, most))
        for signal, _, _, _, least, most in MESSAGES[name][5]
    }
    return name, values, draw(st.integers(0, 15))


@given(filled())
def test_encode_into_and_decode_into_agree_with_the_named_half(
    case: tuple[str, dict[str, int], int],
) -> None:
    name, values, alive = case
    row = MESSAGES.row(name)
    data = bytearray(b"\xff" * 8)
    can.encode_into(row, can.plan(row), list(values.values()), alive, data)
    assert bytes(data) == can.encode(name, values, alive)
    assert can.check(row, data, 8) == can.RIGHT
    back = [0] * len(values)
    can.decode_into(row, data, back)
    assert back == list(values.values())
    for signal, value in values.items():
        assert can.value(data, can.handle(name, signal)) == value
        assert can.value(bytes(8) + data, 64 + can.handle(name, signal)) == value


@given(st.sampled_from(sorted(IDENTIFIERS)), st.binary(max_size=9))
def test_check_finds_what_decode_refuses(identifier: int, data: bytes) -> None:
    row = IDENTIFIERS.row(identifier)
    try:
        can.decode(identifier, data)
    except DecodeError as error:
        assert can.check(row, data, len(data)) == FAULTS[error.name]
    else:
        assert can.check(row, data, len(data)) == can.RIGHT


@pytest.mark.parametrize("name", NAMES)
def test_each_limit_is_kept_on_both_sides(name: str) -> None:
    message = DBC.get_message_by_name(name)
    row = MESSAGES.row(name)
    for number, (signal, _, bits, signed, least, most) in enumerate(MESSAGES[name][5]):
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        for value in {low, max(low, least - 1), least, most, min(high, most + 1), high}:
            inside = least <= value <= most
            raw = {s.name: 0 if s.name != signal else value for s in message.signals}
            data = bytearray(message.encode(raw, strict=False, scaling=False))
            if can.is_protected(row):
                data[7] = can.crc8(MESSAGES[name][0], data)
            assert can.check(row, data, 8) == (can.RIGHT if inside else can.WRONG_RANGE)
            values: list[int | bytes] = [0] * len(MESSAGES[name][5])
            values[number] = value
            if inside:
                can.encode_into(row, can.plan(row), values, 0, bytearray(8))
            else:
                with pytest.raises(EncodeError, match=f"{name}.{signal}: {value} is outside"):
                    can.encode_into(row, can.plan(row), values, 0, bytearray(8))


def test_a_signal_of_32_bits_may_be_given_as_bytes() -> None:
    row = MESSAGES.row("VCU_Heartbeat")
    data = bytearray(8)
    can.encode_into(row, can.plan(row), [2, 513, b"\x78\x56\x34\xf2"], 5, data)
    known = {"State": 2, "BootCount": 513, "SoftwareHash": 0xF2345678}
    assert bytes(data) == can.encode("VCU_Heartbeat", known, 5)
    for values in ([b"\x00\x00\x00\x02", 0, 0], [0, 0, b"\x00"]):
        with pytest.raises(EncodeError):
            can.encode_into(row, can.plan(row), values, 0, bytearray(8))


def test_names_and_identifiers_that_do_not_exist() -> None:
    assert IDENTIFIERS.row(0x7FF) == -1 and IDENTIFIERS.get(0x7FF, "") == ""
    assert 0x7FF not in IDENTIFIERS and "MC_Status3" not in MESSAGES
    assert len(IDENTIFIERS) == len(MESSAGES) == len(list(MESSAGES))
    for wrong in (
        lambda: IDENTIFIERS[0x7FF],
        lambda: MESSAGES["MC_Status3"],
        lambda: can.handle("MC_Status1", "Speed"),
    ):
        with pytest.raises(KeyError):
            wrong()


@given(st.integers(0, 0x7FF))
def test_the_search_for_a_row_finds_every_identifier_and_no_other(identifier: int) -> None:
    known = {message.frame_id: message.name for message in DBC.messages}
    assert IDENTIFIERS.get(identifier) == known.get(identifier)


@given(st.binary(min_size=4, max_size=4))
def test_four_bytes_are_a_number(data: bytes) -> None:
    assert four(data, 0, 0) == int.from_bytes(data, "little")
    assert four(data, 0, 1) == int.from_bytes(data, "little", signed=True)
