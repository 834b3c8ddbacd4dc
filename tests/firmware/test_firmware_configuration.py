"""The file `config` on the board: read, missing, damaged at every byte. Never a crash."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vcu import configuration
from vcu.configuration import MISSING, UNREADABLE, USABLE, default, load
from vcu.faults import FLASH
from vcu.tipover import Guard

from hw.vehicle_config import load_vehicle, vehicle_names
from protocol import vehicle
from trifleet.vehicle_file import config_file, vehicle_of


def folder(tmp_path: Path) -> str:
    return f"{tmp_path}/"


@pytest.mark.parametrize("name", vehicle_names())
def test_every_vehicle_of_ours_reads_its_own_numbers(tmp_path: Path, name: str) -> None:
    config = load_vehicle(name)
    (tmp_path / "config").write_bytes(config_file(config))
    assert load(folder(tmp_path)) == (vehicle_of(config), USABLE)


def test_a_board_without_the_file_says_so_and_walks(tmp_path: Path) -> None:
    made, fault = load(folder(tmp_path))
    assert (made, fault) == (default(), MISSING)
    assert made.top_speed_mmps == 2800


def test_a_file_cut_or_damaged_at_any_byte_is_unreadable(tmp_path: Path) -> None:
    whole = config_file(load_vehicle("delta-cargo"))
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x55
        for data in (whole[:at], bytes(damaged)):
            (tmp_path / "config").write_bytes(data)
            assert load(folder(tmp_path)) == (default(), UNREADABLE)


@pytest.mark.parametrize("extra", [1, 400, 600, 100_000])
def test_a_file_that_goes_on_is_unreadable(tmp_path: Path, extra: int) -> None:
    whole = config_file(load_vehicle("delta-cargo"))
    (tmp_path / "config").write_bytes(whole + bytes(extra))
    assert load(folder(tmp_path))[1] == UNREADABLE


def test_a_whole_file_of_no_vehicle_is_unreadable(tmp_path: Path) -> None:
    for document in (b"", vehicle.encode(default())[:-1], bytes(40)):
        (tmp_path / "config").write_bytes(vehicle.seal(document))
        assert load(folder(tmp_path)) == (default(), UNREADABLE)


@given(st.binary(max_size=700))
def test_noise_is_unreadable(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    path = tmp_path_factory.mktemp("noise")
    (path / "config").write_bytes(noise)
    assert load(folder(path)) == (default(), UNREADABLE)


def test_a_flash_that_cannot_be_read_is_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    assert load(folder(tmp_path)) == (default(), MISSING)


def test_the_default_is_a_vehicle_that_a_file_could_hold() -> None:
    assert vehicle.decode(vehicle.encode(default())) == default()
    assert Guard(default()).limits(None, 0, False, 0)[0] > 1000  # it still moves


def test_the_faults_have_numbers_of_their_own() -> None:
    assert len({USABLE, FLASH, MISSING, UNREADABLE}) == 4
    assert min(MISSING, UNREADABLE) > FLASH
    assert configuration.MISSING == 65_539 and configuration.UNREADABLE == 65_540
