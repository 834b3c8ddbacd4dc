"""The codec of hw: CRC against a bit-by-bit one, every refusal by name, no other error leaks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.can.database import crc8, vehicle_bus
from hw.errors import CrcError, FrameError, LengthError, UnknownFrameError, ValueRangeError
from protocol.can_table import IDENTIFIERS

DRIVE = {
    "Enable": 1,
    "Mode": 2,
    "Direction": 1,
    "TorqueCap_pct": 80,
    "SpeedCap_mmps": 9,
    "Reason": 0,
    "Warning": 0,
}


def crc_by_bits(data: bytes) -> int:
    """CRC-8 SAE J1850, shifted bit by bit."""
    crc = 0xFF
    for byte in data:
        for shift in range(7, -1, -1):
            top = (crc >> 7) ^ (byte >> shift & 1)
            crc = (crc << 1 & 0xFF) ^ (0x1D if top else 0)
    return crc ^ 0xFF


def test_the_check_value_of_the_catalogue() -> None:
    assert crc_by_bits(b"123456789") == 0x4B  # CRC-8/SAE-J1850 of the catalogue of CRCs
    assert crc8(int.from_bytes(b"12", "little"), b"3456789") == 0x4B


@given(st.integers(0, 0x7FF), st.binary(min_size=8, max_size=8))
def test_the_crc_covers_identifier_and_seven_bytes(identifier: int, data: bytes) -> None:
    assert crc8(identifier, data) == crc_by_bits(identifier.to_bytes(2, "little") + data[:7])


def test_values_come_back_with_the_alive_counter() -> None:
    data = vehicle_bus().encode("VCU_Drive", DRIVE, alive=21)
    assert vehicle_bus().decode(0x50, data) == ("VCU_Drive", {**DRIVE, "Alive": 5})


def test_any_changed_bit_is_a_crc_error() -> None:
    data = vehicle_bus().encode("VCU_Drive", DRIVE, alive=3)
    for bit in range(64):
        changed = (int.from_bytes(data, "little") ^ 1 << bit).to_bytes(8, "little")
        with pytest.raises(CrcError):
            vehicle_bus().decode(0x50, changed)


def test_refusals_are_named() -> None:
    bus = vehicle_bus()
    with pytest.raises(UnknownFrameError):
        bus.decode(0x7FF, bytes(8))
    with pytest.raises(UnknownFrameError):
        bus.encode("VCU_Dance", {})
    with pytest.raises(LengthError):
        bus.decode(0x50, bytes(7))
    with pytest.raises(ValueRangeError):
        bus.encode("VCU_Drive", {**DRIVE, "TorqueCap_pct": 101})
    with pytest.raises(ValueRangeError):
        bus.encode("VCU_Drive", {"Enable": 1})
    with pytest.raises(ValueRangeError):
        bus.encode("VCU_Drive", {**DRIVE, "Colour": 1})


def test_a_received_value_outside_its_limits_is_refused() -> None:
    data = bytearray(8)
    data[1] = 101  # TorqueCap_pct
    data[7] = crc8(0x50, bytes(data))
    with pytest.raises(ValueRangeError, match="TorqueCap_pct"):
        vehicle_bus().decode(0x50, bytes(data))


def test_iso_tp_data_has_no_signals() -> None:
    assert vehicle_bus().decode(0x500, b"\xff" * 8) == ("GW_Request", {})


@given(st.sampled_from(sorted(IDENTIFIERS)) | st.integers(0, 0x7FF), st.binary(max_size=9))
def test_only_frame_errors_leave_the_decoder(identifier: int, data: bytes) -> None:
    try:
        name, _ = vehicle_bus().decode(identifier, data)
    except FrameError:
        return
    assert IDENTIFIERS[identifier] == name
