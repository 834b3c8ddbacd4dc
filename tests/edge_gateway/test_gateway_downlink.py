"""Commands: strict, once, never late. Acknowledgements: the backend's and ours, or nothing."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_stand import GATEWAY, VEHICLE, any_presentation
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_gateway.downlink import LONGEST_LIFE_S, Commands, Delivery, Report, open_ack
from protocol import ack, cbor, courier
from protocol.errors import DecodeError, VerifyError

KEY = Ed25519PrivateKey.generate()


def verify(message: bytes, signature: bytes) -> bool:
    try:
        KEY.public_key().verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _message(salt: int = 0, expires: int = 1000, vehicle: str = VEHICLE) -> tuple[bytes, bytes]:
    name, asked = any_presentation(salt)
    return name, courier.encode_command(name, vehicle, expires, asked)


def _commands(remembered: int = 4) -> Commands:
    return Commands({VEHICLE}, remembered)


def test_is_delivered_until_the_last_second_and_not_after() -> None:
    name, message = _message()
    assert isinstance(_commands().receive(message, 1000), Delivery)
    assert _commands().receive(message, 1001) == Report(name, courier.EXPIRED)
    assert Delivery(name, 1000, b"").has_expired(1000.5)


def test_a_gateway_without_the_time_delivers_nothing() -> None:
    name, message = _message()
    assert _commands().receive(message, 0) == Report(name, courier.EXPIRED)


def test_a_command_that_would_live_for_hours_finds_a_clock_that_is_wrong() -> None:
    """A year behind, what waited in the broker for hours looks as if it had a year to live."""
    name, message = _message(expires=1_800_000_000)
    year_s = 365 * 86_400
    for now_s in (1_800_000_000 - year_s, 1_800_000_000 - LONGEST_LIFE_S - 1):
        assert _commands().receive(message, now_s) == Report(name, courier.EXPIRED)
    assert isinstance(_commands().receive(message, 1_800_000_000 - LONGEST_LIFE_S), Delivery)


def test_a_clock_that_is_set_back_makes_no_command_live_longer() -> None:
    found = _commands().receive(_message(expires=1_000)[1], 990)
    assert isinstance(found, Delivery)
    begin_s = found.ends_s - 11
    assert not found.has_expired(990, begin_s)
    assert found.has_expired(500, begin_s + 12)  # the wall clock went back meanwhile
    assert found.has_expired(1_500, begin_s + 1)  # or ahead


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), max_size=30))
def test_no_command_is_delivered_twice_whatever_is_restarted(
    steps: list[tuple[int, bool, bool]],
) -> None:
    """Copies, outcomes and restarts in any order, with what a run made durable."""
    disk: dict[bytes, int] = {}
    delivered: list[bytes] = []
    commands = Commands({VEHICLE}, 64, [], disk.__setitem__)
    for salt, ends, restarts in steps:
        found = commands.receive(_message(salt)[1], 900)
        if isinstance(found, Delivery):
            delivered.append(found.command_id)
            if ends:
                commands.finished(Report(found.command_id, courier.DELIVERED))
        if restarts:
            commands = Commands({VEHICLE}, 64, disk.items(), disk.__setitem__)
    assert len(delivered) == len(set(delivered))


def test_a_copy_is_silent_while_under_way_and_reported_again_afterwards() -> None:
    commands = _commands()
    name, message = _message()
    assert isinstance(commands.receive(message, 900), Delivery)
    assert commands.receive(message, 900) is None
    commands.finished(Report(name, courier.DELIVERED))
    assert commands.receive(message, 900) == Report(name, courier.DELIVERED)


def test_a_bad_copy_neither_hides_nor_blocks_the_true_one() -> None:
    commands = _commands()
    name, message = _message()
    wrong = _message(vehicle="trike-8")[1]
    assert commands.receive(wrong, 900) == Report(name, courier.MALFORMED)
    assert isinstance(commands.receive(message, 900), Delivery)
    assert commands.receive(wrong, 900) is None


def test_another_name_than_the_command_s_own_is_malformed() -> None:
    _, asked = any_presentation()
    message = courier.encode_command(bytes(16), VEHICLE, 1000, asked)
    assert _commands().receive(message, 900) == Report(bytes(16), courier.MALFORMED)


def test_memory_is_bounded() -> None:
    commands = _commands(remembered=4)
    for salt in range(6):
        assert isinstance(commands.receive(_message(salt)[1], 900), Delivery)
    assert commands.receive(_message(5)[1], 900) is None
    assert isinstance(commands.receive(_message(0)[1], 900), Delivery)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_or_malformed(data: bytes) -> None:
    with pytest.raises(DecodeError):
        _commands().receive(data, 1)


values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.binary(max_size=20) | st.text(),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.lists(values, min_size=5, max_size=5) | values)
def test_any_document_is_an_error_or_malformed(value: object) -> None:
    try:
        decided = _commands().receive(cbor.encode(value), 1)
    except DecodeError:
        return
    assert isinstance(decided, Report) and decided.status == courier.MALFORMED


@settings(deadline=None)
@given(st.data())
def test_a_changed_byte_never_becomes_another_delivery(data: st.DataObject) -> None:
    name, message = _message()
    at = data.draw(st.integers(0, len(message) - 1))
    changed = bytearray(message)
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        decided = _commands().receive(bytes(changed), 900)
    except DecodeError:
        return
    if isinstance(decided, Delivery):
        # The expiry is the courier's word, and the keys and signatures are the vehicle's to judge.
        assert decided.command_id == name


def _ack(gateway: str = GATEWAY, **lists: list[tuple[int, int]]) -> bytes:
    found = ack.Ack(gateway, lists.get("accepted", [(0, 3)]), lists.get("refused", []))
    return ack.encode(found, KEY.sign)


def test_an_acknowledgement_is_opened() -> None:
    found = open_ack(_ack(refused=[(5, 5)]), GATEWAY, verify)
    assert found.accepted == [(0, 3)] and found.refused == [(5, 5)]


def test_another_gateway_s_is_refused() -> None:
    with pytest.raises(VerifyError, match="ack-gateway"):
        open_ack(_ack("gw-8"), GATEWAY, verify)


def test_another_key_s_is_refused() -> None:
    forged = ack.encode(ack.Ack(GATEWAY, [(0, 9)], []), Ed25519PrivateKey.generate().sign)
    with pytest.raises(VerifyError, match="ack-signature"):
        open_ack(forged, GATEWAY, verify)


@pytest.mark.parametrize("ranges", [[(3, 1)], [(0, 2), (2, 3)], [(5, 6), (1, 2)], [(-1, 2)]])
def test_ranges_out_of_order_are_refused(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(DecodeError):
        open_ack(_ack(accepted=ranges), GATEWAY, verify)


@settings(deadline=None)
@given(st.data())
def test_no_changed_byte_passes(data: st.DataObject) -> None:
    message = bytearray(_ack())
    at = data.draw(st.integers(0, len(message) - 1))
    message[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises((DecodeError, VerifyError)):
        open_ack(bytes(message), GATEWAY, verify)
