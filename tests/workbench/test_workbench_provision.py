"""Who a vehicle is gets onto its board once, and only if it can be somebody."""

import hashlib
import hmac
import logging
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards.virtual import VirtualBoard
from hw.vehicle_config import load_vehicle
from protocol import cbor
from protocol.errors import DecodeError
from trifleet.vehicle_file import config_file
from workbench.bench import on_bench
from workbench.errors import (
    ConfigurationError,
    IdentifierError,
    OtherIdentityError,
    OwnerError,
    ProvisionError,
    TimeFloorError,
    WeakKeyError,
)
from workbench.identity import Identity, check_identity, decode_identity, encode_identity
from workbench.provision import CONFIG_FILE, IDENTITY_FILE, configure, provision

KEY = hashlib.sha256(b"a vehicle").digest()
OWNER = hashlib.sha256(b"an owner").digest()
GOOD = Identity("veh-1", OWNER, KEY, 1_800_000_000)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"vehicle": ""}, IdentifierError),
        ({"vehicle": "Veh"}, IdentifierError),
        ({"vehicle": "-veh"}, IdentifierError),
        ({"vehicle": "veh-"}, IdentifierError),
        ({"vehicle": "v" * 33}, IdentifierError),
        ({"owner_thumbprint": bytes(32)}, OwnerError),
        ({"owner_thumbprint": OWNER[:31]}, OwnerError),
        ({"vehicle_key": bytes(32)}, WeakKeyError),
        ({"vehicle_key": KEY[:31]}, WeakKeyError),
        ({"vehicle_key": b"\xa5" * 32}, WeakKeyError),
        ({"vehicle_key": KEY[:16] * 2}, WeakKeyError),
        ({"vehicle_key": (KEY[:11] * 3)[:32]}, WeakKeyError),
        ({"vehicle_key": bytes([1, 2, 3, 4, 5, 6, 7, 7]) + bytes([1, 5, 2] * 8)}, WeakKeyError),
        ({"time_floor": 0}, TimeFloorError),
        ({"time_floor": 1 << 32}, TimeFloorError),
    ],
)
def test_refuses_by_name(change: dict[str, object], refusal: type[ProvisionError]) -> None:
    check_identity(GOOD)
    with pytest.raises(refusal) as caught:
        provision("/dev/no-port-is-opened", replace(GOOD, **change))  # type: ignore[arg-type]
    assert KEY.hex() not in str(caught.value)


def test_the_file_is_the_documented_map() -> None:
    data = encode_identity(GOOD)
    assert cbor.decode(data) == {0: 1, 1: "veh-1", 2: OWNER, 3: KEY, 4: 1_800_000_000}
    assert decode_identity(data) == GOOD
    for size in range(len(data)):
        with pytest.raises(DecodeError):
            decode_identity(data[:size])
    with pytest.raises(DecodeError):
        decode_identity(data + b"\0")


@given(st.binary())
def test_arbitrary_bytes_are_no_identity(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_identity(data)


def test_provisions_once_and_tells_what_to_register(
    board: VirtualBoard, caplog: pytest.LogCaptureFixture
) -> None:
    board.set_clock_offset(-1_000_000)
    with caplog.at_level(logging.DEBUG):
        result = provision(board.tty, GOOD)
        again = provision(board.tty, replace(GOOD, time_floor=GOOD.time_floor + 9))
    assert (result.written, again.written) == (True, False)
    assert result.record_key == hmac.digest(KEY, b"trifleet/record-key/v1", "sha256")
    assert result.key_fingerprint == hashlib.sha256(KEY).digest()
    assert len(result.board_id) == 12
    with on_bench(board.tty) as bench:
        assert decode_identity(bench.files.read(IDENTITY_FILE)) == GOOD
        moment = bench.repl.exec("import time; print(time.time())")
    assert abs(int(moment) - time.time()) < 60
    assert KEY.hex() not in caplog.text
    assert repr(KEY) not in caplog.text + repr(GOOD) + repr(result)


def test_refuses_a_board_that_is_another_vehicle(board: VirtualBoard) -> None:
    provision(board.tty, GOOD)
    other = replace(GOOD, vehicle="veh-2")
    with pytest.raises(OtherIdentityError, match="veh-1"):
        provision(board.tty, other)
    assert provision(board.tty, other, replace=True).written
    assert not provision(board.tty, other).written


def test_refuses_a_board_whose_identity_cannot_be_read(board: VirtualBoard) -> None:
    with on_bench(board.tty) as bench:
        bench.files.write(IDENTITY_FILE, encode_identity(GOOD)[:-1])
    with pytest.raises(OtherIdentityError, match="unreadable"):
        provision(board.tty, GOOD)
    assert provision(board.tty, GOOD, replace=True).written


DELTA, TADPOLE = (config_file(load_vehicle(name)) for name in ("delta-cargo", "tadpole-cargo"))


@pytest.mark.parametrize("config", [b"", DELTA[:-1], DELTA + b"\0", encode_identity(GOOD)])
def test_refuses_what_are_not_the_numbers_of_a_vehicle(config: bytes) -> None:
    with pytest.raises(ConfigurationError):
        provision("/dev/no-port-is-opened", GOOD, config=config)
    with pytest.raises(ConfigurationError):
        configure("/dev/no-port-is-opened", config)


def test_writes_the_numbers_of_the_vehicle_beside_its_identity(board: VirtualBoard) -> None:
    assert provision(board.tty, GOOD, config=DELTA).written
    assert not provision(board.tty, GOOD).written  # leaves them
    assert not configure(board.tty, DELTA)
    assert configure(board.tty, TADPOLE)
    board.power_cut()
    with on_bench(board.tty) as bench:
        assert bench.files.read(CONFIG_FILE) == TADPOLE
        assert decode_identity(bench.files.read(IDENTITY_FILE)) == GOOD


def test_another_vehicle_is_refused_before_its_numbers_are_touched(board: VirtualBoard) -> None:
    provision(board.tty, GOOD, config=DELTA)
    with pytest.raises(OtherIdentityError):
        provision(board.tty, replace(GOOD, vehicle="veh-2"), config=TADPOLE)
    with on_bench(board.tty) as bench:
        assert bench.files.read(CONFIG_FILE) == DELTA


def test_survives_a_power_cut_whole(board: VirtualBoard) -> None:
    provision(board.tty, GOOD)
    board.power_cut()
    assert not provision(board.tty, GOOD).written
