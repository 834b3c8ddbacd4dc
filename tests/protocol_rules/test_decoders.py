"""Arbitrary bytes into every decoder: only this package's error comes out, and soon."""

import contextlib
import itertools
import sys
from types import FrameType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol import (
    access,
    ack,
    can,
    cbor,
    challenge,
    command,
    courier,
    delivery,
    enrolment,
    grant,
    keychange,
    link,
    mac,
    presentation,
    record,
    release,
    renewal,
    request,
    rsa,
    sighting,
    statement,
    vehicle,
    workorder,
)
from protocol.errors import DecodeError, ProtocolError, RefusedError, VerifyError

DECODERS = {
    "cbor": cbor.decode,
    "grant": grant.decode,
    "command": command.decode,
    "presentation": presentation.decode,
    "record": record.decode_unverified,
    "record-mac": lambda data: record.open_record(data, mac.Hmac(bytes(32)).matches),
    "statement": statement.decode_unverified,
    "statement-signature": lambda data: statement.open_statement(data, lambda m, s: False),
    "message": statement.decode_message,
    "release": statement.decode_release,
    "thinned": lambda data: statement.decode_thinned(data.decode("latin-1")),
    "records": statement.decode_records,
    "gateway-event": statement.decode_gateway_event,
    "grant-body": statement.decode_grant_body,
    "ack": lambda data: ack.open_ack(data, lambda m, s: True),
    "stored": link.decode_stored,
    "challenge": link.decode_challenge,
    "hello": link.decode_hello,
    "link": link.unpack,
    "courier-challenge": courier.decode_challenge,
    "courier-status": courier.decode_status,
    "courier-command-status": courier.decode_command_status,
    "courier-command": courier.decode_command,
    "courier-checkpoint": courier.decode_checkpoint,
    "release-up": delivery.decode_up,
    "release-down": delivery.decode_down,
    "sighting": lambda data: sighting.open_sighting(data, lambda m, s: True),
    "registration": request.decode_registration,
    "grant-request": request.decode_grant_request,
    "can": lambda data: can.decode(0x50, data),
    "vehicle": vehicle.decode,
    "software-manifest": release.decode_manifest,
    "software-head": release.decode_head,
    "software-files": release.decode_files,
    "software-trust": release.decode_trust,
    "enrolment-code": lambda data: enrolment.read_code(data.decode("latin-1")),
    "enrolment-request": enrolment.decode_unverified,
    "enrolment-request-seal": lambda data: enrolment.open_request(data, bytes(32)),
    "renewal": renewal.decode_unverified,
    "key-change": lambda data: keychange.decode_unverified(data.decode("latin-1")),
    "renewal-signature": lambda data: renewal.open_renewal(data, lambda m, s: False),
    "renewal-answer": renewal.decode_answer,
    "work-order": workorder.decode,
    "enrolment-answer": lambda data: enrolment.open_answer(data, bytes(32), bytes(16)),
}

leaf = (
    st.integers(-(1 << 64), (1 << 64) - 1)
    | st.binary(max_size=40)
    | st.text(max_size=10)
    | st.booleans()
    | st.none()
)
values = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 1 << 40), inner, max_size=4)
    ),
    max_leaves=12,
)
# Documents that get past the first byte: well-formed CBOR, and COSE shapes.
shaped = values.map(lambda value: cbor.encode(value) if depth(value) <= 8 else b"")
cose_shaped = st.tuples(
    st.sampled_from([b"\xa1\x01\x38\x24", b"\xa1\x01\x27", b"\xa1\x01\x05", b""]),
    st.just({}),
    shaped,
    st.binary(max_size=80),
).map(cbor.encode)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(item) for item in value), default=0)
    return 0


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=600) | shaped | cose_shaped)
def test_only_the_own_error_comes_out(name: str, data: bytes) -> None:
    try:
        DECODERS[name](data)
    except (DecodeError, VerifyError) as error:
        assert error.name


@settings(max_examples=300, deadline=None)
@given(value=values)
def test_what_is_encoded_decodes_to_the_same(value: object) -> None:
    if depth(value) > 8:
        return
    assert cbor.decode(cbor.encode(value)) == value


@settings(max_examples=500, deadline=None)
@given(data=st.binary(max_size=80) | shaped)
@example(data=b"\x18\x17")
def test_what_decodes_has_one_encoding(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except DecodeError:
        return
    assert cbor.encode(value) == data


# Two a byte: the work grows with the length and with nothing else.
MOST_LINES = 2 * 65_535
HOSTILE = {
    "zeros": bytes(65535),
    "array-of-zeros": b"\x99\xff\xfc" + bytes(65532),
    "nested-arrays": b"\x81" * 65535,
    "map-heads": b"\xa1\x00" * 32767,
    "small-arrays": b"\x99\x80\x00" + b"\x81\x00" * 32766,
    "text": b"\x79\xff\xfc" + "é".encode() * 32766,
    "bytes": b"\x59\xff\xfc" + bytes(65532),
    "ff": b"\xff" * 65535,
    "longest-map": b"\xb9\x07\xfe"
    + b"".join(b"\x19%c%c\x00" % (i >> 8, i & 255) for i in range(256, 2302)),
}


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", DECODERS)
def test_64_kilobytes_are_refused_with_little_work(name: str, hostile: str) -> None:
    """Counted in lines of Python, because a clock would count the machine's other work."""
    lines = 0

    def count(frame: FrameType, event: str, arg: object) -> object:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        with contextlib.suppress(ProtocolError):
            DECODERS[name](HOSTILE[hostile])
    finally:
        sys.settrace(before)
    assert 0 < lines < MOST_LINES


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300) | shaped)
def test_the_gate_refuses_with_a_code_and_nothing_else(data: bytes) -> None:
    authority = access.Authority("trike-1", bytes(32))
    gate = access.Gate(authority, challenge.Challenges(lambda size: bytes(size)))
    with pytest.raises(RefusedError) as caught:
        rsa.run(gate.check_steps(data, 0, access.Clock(0, True)))
    assert caught.value.code in (1, 2, 3)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=70))
def test_utf8_agrees_with_python(data: bytes) -> None:
    try:
        data.decode()
        good = True
    except UnicodeDecodeError:
        good = False
    assert cbor.is_utf8(data) == good


@settings(max_examples=100, deadline=None)
@given(numbers=st.lists(st.integers(0, 300), max_size=60))
def test_ranges_cover_exactly_what_they_are_made_of(numbers: list[int]) -> None:
    ranges = ack.to_ranges(numbers)
    covered = [n for first, last in ranges for n in range(first, last + 1)]
    assert covered == sorted(set(numbers))
    assert all(b[0] > a[1] + 1 for a, b in itertools.pairwise(ranges))
