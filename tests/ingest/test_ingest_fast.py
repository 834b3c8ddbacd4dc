"""The quick reader agrees with `protocol` on every byte string, or says nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_fleet import NOW, FakeGateway, FakeVehicle

from fleet_backend.ingest import fast
from protocol import bodies, cbor, cose, fields, record, statement
from protocol.errors import DecodeError
from protocol.mac import Hmac

UINT = st.one_of(
    st.integers(0, 30), st.integers(250, 260), st.integers(65_530, 65_540), st.integers(0, 2**40)
)
U32 = st.one_of(st.sampled_from([0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1]))
SINT = st.one_of(UINT, UINT.map(lambda value: -1 - value))
NAME = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)
_CHECKS = [check for _, check in bodies.BODIES[record.TELEMETRY]]
BODY = st.dictionaries(st.integers(0, len(_CHECKS) - 1), SINT).map(
    lambda body: {k: abs(v) if _CHECKS[k] == "uint" else v for k, v in body.items()}
)
KEY = Hmac(bytes(32))


def _same_sample(data: bytes) -> bool:
    """Compare both readers on these bytes; was the quick one able to read them?"""
    quick = fast.read_sample(data)
    if quick is None:
        return False
    slow = record.decode_unverified(data)
    payload, tag = cose.split(data, cose.HMAC_256, "record")
    assert slow.kind == record.TELEMETRY
    values = tuple(slow.body.get(key) for key in range(len(_CHECKS)))
    assert quick.sample == (slow.vehicle, slow.boot, slow.seq, slow.time, values)
    assert (quick.message, quick.tag) == (cose.mac0_message(record.AAD, payload), tag)
    return True


@given(NAME, U32, U32, st.integers(0, 2**48 - 1), U32, BODY)
def test_telemetry_reads_the_same(
    name: str, boot: int, seq: int, uptime: int, time: int, body: dict[int, object]
) -> None:
    made = record.Record(name, boot, seq, uptime, time, record.TELEMETRY, body)
    data = record.encode(made, KEY.tag)
    small = all(-(2**32) <= int(value) < 2**32 for value in body.values())  # type: ignore[call-overload]
    assert _same_sample(data) == (small and len(name) < 24)


@given(st.data())
def test_a_changed_record_reads_the_same_or_not_at_all(data: st.DataObject) -> None:
    good = FakeVehicle("v-1", bytes(32)).sample()
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + data.draw(st.binary(max_size=3)) + good[at + 1 :]
    try:
        record.decode_unverified(changed)
    except DecodeError as error:
        # The name of a vehicle is looked up among registered ones, which are names.
        if error.name != "identifier":
            assert fast.read_sample(changed) is None
    else:
        _same_sample(changed)


CLOCK = st.one_of(st.none(), st.tuples(st.sampled_from([1, 2, 3]), U32))


@given(NAME, st.integers(0, 2**63 - 1), U32, st.sampled_from([1, 2, 3]), CLOCK)
def test_statements_read_the_same(
    name: str, seq: int, time: int, kind: int, clock: tuple[int, int] | None
) -> None:
    gateway = FakeGateway(name)
    if clock is not None and time == 0:
        clock = (statement.UNSET, statement.UNKNOWN_ERROR)
    sign1, message = gateway.make(seq, bytes(range(32)), b"body", kind=kind, time=time, clock=clock)
    assert fast.split_message(message) == statement.decode_message(message)
    quick = fast.read_statement(sign1, name)
    assert (quick is not None) == (len(name) < 24 and time >= 0x10000)
    if quick is not None:
        slow = statement.decode_unverified(sign1)
        payload, signature = cose.split(sign1, cose.EDDSA, "statement")
        signed = cose.sign1_message(cose.EDDSA, statement.AAD, payload)
        parts = (slow.seq, slow.prev_hash, slow.time, slow.kind, slow.commitment)
        assert quick == (*parts, signed, signature, slow.clock, slow.error_ms)
        assert (slow.clock, slow.error_ms) == (clock or (None, None))


@given(st.data())
def test_a_changed_message_reads_the_same_or_not_at_all(data: st.DataObject) -> None:
    clock = data.draw(st.sampled_from([None, (2, 30), (1, 2**32 - 1)]))
    good = FakeGateway("gw-1").message(body=b"body", time=NOW, clock=clock)
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + data.draw(st.binary(max_size=3)) + good[at + 1 :]
    quick = fast.split_message(changed)
    try:
        slow = statement.decode_message(changed)
    except DecodeError:
        assert quick is None
        return
    assert quick in (None, slow)
    quick_parts = fast.read_statement(slow[0], "gw-1")
    try:
        slow_parts = statement.decode_unverified(slow[0])
    except DecodeError:
        assert quick_parts is None
        return
    assert quick_parts is None or (
        quick_parts.commitment == slow_parts.commitment
        and (quick_parts.clock, quick_parts.error_ms) == (slow_parts.clock, slow_parts.error_ms)
    )


@given(st.lists(st.binary(max_size=300), max_size=70), st.binary(max_size=2))
def test_record_lists_read_the_same(items: list[bytes], tail: bytes) -> None:
    body = cbor.encode(items) + tail
    try:
        slow = statement.decode_records(body)
    except DecodeError:
        assert fast.split_records(body) is None
    else:
        assert fast.split_records(body) == slow


@given(st.binary(max_size=300))
def test_arbitrary_bytes_give_nothing_or_what_protocol_reads(data: bytes) -> None:
    _same_sample(data)
    if (items := fast.split_records(data)) is not None:
        assert items == statement.decode_records(data)
    if (parts := fast.split_message(data)) is not None:
        assert parts == statement.decode_message(data)


@pytest.mark.parametrize("time", [0, fields.MAX_TIME])
def test_an_unset_clock_reads_the_same(time: int) -> None:
    assert _same_sample(FakeVehicle("v-1").sample(time))


def _wide(value: int, extra: int) -> bytes:
    """An integer in a form that is `extra` steps longer than the shortest; 0 is the right one."""
    major, argument = (0, value) if value >= 0 else (0x20, -1 - value)
    limits = (24, 1 << 8, 1 << 16, 1 << 32)
    form = min(sum(argument >= limit for limit in limits) + extra, 4)
    if form == 0:
        return bytes([major | argument])
    return bytes([major | (23 + form)]) + argument.to_bytes(1 << (form - 1), "big")


def _octets(content: bytes) -> bytes:
    return cbor.encode(content)


@given(
    st.lists(st.tuples(SINT, st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2])), min_size=5, max_size=5),
    st.lists(
        st.tuples(st.integers(0, len(_CHECKS)), SINT, st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1, 2])),
        max_size=4,
    ),
    st.sampled_from([0, 0, 0, 1, -1]),
    st.booleans(),
)
def test_records_with_odd_integers_keys_or_counts_read_the_same_or_not_at_all(
    head: list[tuple[int, int]], pairs: list[tuple[int, int, int]], more: int, is_sorted: bool
) -> None:
    """Longer forms, keys twice or out of order, wrong counts and signs: as `protocol` judges."""
    head[4] = (record.TELEMETRY, head[4][1])
    numbers = b"".join(_wide(value, extra) for value, extra in head)
    ordered = sorted(pairs) if is_sorted else pairs
    body = b"".join(_wide(key, 0) + _wide(value, extra) for key, value, extra in ordered)
    count = bytes([0xA0 + max(0, len(pairs) + more)])
    payload = b"\x88\x01\x63v-1" + numbers + count + body
    data = bytes.fromhex("8443a10105a0") + _octets(payload) + _octets(bytes(32))
    try:
        record.decode_unverified(data)
    except DecodeError:
        assert fast.read_sample(data) is None
    else:
        _same_sample(data)


@pytest.mark.parametrize("extra", [0, 1, 2])
@pytest.mark.parametrize("value", [0, 23, 24, 255, 256, 65_535])
@pytest.mark.parametrize("place", range(7))
def test_each_integer_of_a_record_is_read_in_its_shortest_form_only(
    place: int, value: int, extra: int
) -> None:
    numbers = [1, 2, 3, 4, record.TELEMETRY, 100, -100]
    forms = [_wide(number, 0) for number in numbers]
    value = {4: record.TELEMETRY, 6: -1 - value}.get(place, value)
    forms[place] = _wide(value, extra)
    payload = b"\x88\x01\x63v-1" + b"".join(forms[:5]) + b"\xa2\x01" + forms[5] + b"\x03" + forms[6]
    data = bytes.fromhex("8443a10105a0") + _octets(payload) + _octets(bytes(32))
    assert (fast.read_sample(data) is not None) == (extra == 0)


@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("place", ["seq", "time", "kind"])
def test_each_integer_of_a_statement_is_read_in_its_shortest_form_only(
    place: str, extra: int
) -> None:
    forms = {"seq": _wide(7, 0), "time": _wide(NOW, 0), "kind": _wide(1, 0)}
    forms[place] = _wide({"seq": 7, "time": NOW, "kind": 1}[place], extra)
    digest = _octets(bytes(32))
    payload = b"\x87\x01\x64gw-1" + forms["seq"] + digest + forms["time"] + forms["kind"] + digest
    data = bytes.fromhex("8443a10127a0") + _octets(payload) + _octets(bytes(64))
    assert (fast.read_statement(data, "gw-1") is not None) == (extra == 0)


@pytest.mark.parametrize("off_by", [0, 1, -1])
def test_a_payload_of_another_length_than_it_says_is_not_read(off_by: int) -> None:
    sealed = bytearray(FakeVehicle("v-1").sample())
    signed = bytearray(FakeGateway("gw-1").make(7, bytes(32), b"body")[0])
    for data in (sealed, signed):
        assert data[6] == 0x58
        data[7] += off_by
    assert (fast.read_sample(bytes(sealed)) is not None) == (off_by == 0)
    assert (fast.read_statement(bytes(signed), "gw-1") is not None) == (off_by == 0)


@pytest.mark.parametrize("off_by", [0, 1, -1])
def test_a_name_of_another_length_than_it_says_is_not_read(off_by: int) -> None:
    sealed = FakeVehicle("v-1").sample()
    signed = FakeGateway("gw-1").make(7, bytes(32), b"body")[0]
    heads = (
        b"\x63v-1",
        bytes([0x63 + off_by]) + b"v-1",
        b"\x64gw-1",
        bytes([0x64 + off_by]) + b"gw-1",
    )
    sealed, signed = sealed.replace(heads[0], heads[1]), signed.replace(heads[2], heads[3])
    assert (fast.read_sample(sealed) is not None) == (off_by == 0)
    assert (fast.read_statement(signed, "gw-1") is not None) == (off_by == 0)
