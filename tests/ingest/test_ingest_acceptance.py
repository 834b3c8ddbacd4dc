"""The judge: what is forged, garbled or contradictory is refused by name, in any order."""

import random
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_fleet import NOW, FakeGateway, FakeVehicle, view_of

from fleet_backend.ingest import acceptance, reasons
from fleet_backend.ingest.verdicts import Accepted, Duplicate, KnownVehicle, Refused, View
from protocol import cbor, record, statement
from protocol.errors import DecodeError

GATEWAY, VEHICLE = FakeGateway("gw-1"), FakeVehicle("v-1")
GOOD = GATEWAY.message([VEHICLE.sample(), VEHICLE.seal(record.LOST, {0: 1})])


def judge(message: bytes, view: View | None = None, gateway: str = "gw-1") -> object:
    return acceptance.judge(message, gateway, view or view_of(GATEWAY, VEHICLE), NOW)


def refusal(message: bytes, view: View | None = None, gateway: str = "gw-1") -> Refused:
    verdict = judge(message, view, gateway)
    assert isinstance(verdict, Refused), verdict
    assert verdict.reason in reasons.TEXTS
    return verdict


def test_a_good_message_is_accepted_whole() -> None:
    verdict = judge(GOOD)
    assert isinstance(verdict, Accepted)
    assert [one.seq for one in verdict.samples] == [0]
    assert verdict.samples[0].values[0] == 5_000
    assert [one.kind for one in verdict.records] == [record.LOST]
    assert not verdict.future


def says(message: bytes) -> tuple[bytes, bytes, bytes] | None:
    """What a message holds, its body unpacked; None where it is none."""
    try:
        sign1, salt, packed = statement.decode_message(message)
        return sign1, salt, zlib.decompress(packed)
    except (DecodeError, zlib.error):
        return None


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_refused_and_not_authentic(data: bytes) -> None:
    assert not refusal(data).authentic


@given(st.data())
def test_a_changed_byte_is_never_accepted_nor_authentic(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD) - 1))
    flip = data.draw(st.integers(1, 255))
    changed = GOOD[:at] + bytes([GOOD[at] ^ flip]) + GOOD[at + 1 :]
    # Packed data has bits that nobody reads: the same body in another wrapping is the same message.
    if says(changed) != says(GOOD):
        assert not refusal(changed).authentic


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=5))
def test_cut_or_lengthened_messages_are_refused(end: int, tail: bytes) -> None:
    assert not refusal(GOOD[:end]).authentic
    assert not refusal(GOOD + tail).authentic


@pytest.mark.parametrize("seed", range(5))
def test_64_kb_of_anything_are_judged_within_10_ms(seed: int) -> None:
    noise = random.Random(seed).randbytes(65_535)
    shapes = [
        noise,
        cbor.encode([noise[:60_000], bytes(16), noise[:5_000]]),
        b"\x83" * 65_535,
        b"\xa1\x00" * 32_767,
        cbor.encode([0] * 1_900 + ["x" * 1_000] * 60),
    ]
    taken = min(_time_of(shapes[seed]) for _ in range(20))
    assert taken < 0.010


def _time_of(message: bytes) -> float:
    # The processor's time: what runs beside the test is none of the decoder's business.
    started = time.thread_time()
    refusal(message)
    return time.thread_time() - started


def test_a_message_above_the_limit_is_refused_before_it_is_read() -> None:
    assert refusal(bytes(65_536)).reason == reasons.MESSAGE


def test_an_unknown_gateway_is_refused_and_not_authentic() -> None:
    verdict = refusal(GOOD, View({}, {}))
    assert (verdict.reason, verdict.authentic) == (reasons.UNKNOWN_GATEWAY, False)


def test_a_statement_on_another_gateways_topic_is_refused() -> None:
    verdict = refusal(GOOD, gateway="gw-2")
    assert (verdict.reason, verdict.authentic) == (reasons.WRONG_GATEWAY, False)


def test_another_key_under_the_gateways_name_is_refused() -> None:
    forger = FakeGateway("gw-1")
    verdict = refusal(forger.message([VEHICLE.sample()]))
    assert (verdict.reason, verdict.authentic) == (reasons.SIGNATURE, False)


def _with_body(packed: bytes, salt: bytes | None = None) -> bytes:
    sign1, own_salt, _ = statement.decode_message(GOOD)
    return statement.encode_message(sign1, salt or own_salt, packed)


def test_a_body_that_somebody_swapped_is_refused_without_an_acknowledgement() -> None:
    verdict = refusal(_with_body(zlib.compress(cbor.encode([VEHICLE.sample()]))))
    assert (verdict.reason, verdict.authentic) == (reasons.COMMITMENT, False)


@pytest.mark.parametrize(
    "packed",
    [
        zlib.compress(bytes(65_536)),
        zlib.compress(bytes(10_000_000)),
        zlib.compress(b"short")[:-1],
        zlib.compress(b"short") + b"x",
        b"",
        b"no zlib",
    ],
    ids=["one byte too many", "bomb", "truncated", "trailing", "empty", "noise"],
)
def test_a_body_that_does_not_inflate_within_bounds_is_refused(packed: bytes) -> None:
    verdict = refusal(_with_body(packed))
    assert (verdict.reason, verdict.authentic) == (reasons.INFLATE, False)


def accepted(message: bytes, view: View | None = None) -> Accepted:
    verdict = judge(message, view)
    assert isinstance(verdict, Accepted), verdict
    assert {one.reason for one in verdict.set_aside} <= reasons.TEXTS.keys()
    return verdict


@pytest.mark.parametrize("kind", [record.TELEMETRY, record.LOST])
def test_a_record_with_another_vehicles_seal_is_set_aside(kind: int) -> None:
    forged = FakeVehicle("v-1").seal(kind, {0: 1})
    verdict = accepted(FakeGateway("gw-1", GATEWAY.key).message([forged]))
    (aside,) = verdict.set_aside
    assert (aside.position, aside.data, aside.reason) == (0, forged, reasons.RECORD_MAC)
    assert (verdict.samples, verdict.records) == ([], [])


def test_one_bad_record_costs_those_beside_it_nothing() -> None:
    good = VEHICLE.sample(), VEHICLE.seal(record.LOST, {0: 1})
    records = [good[0], FakeVehicle("v-1").seal(record.LOST, {0: 1}), b"no record", good[1]]
    verdict = accepted(FakeGateway("gw-1", GATEWAY.key).message(records))
    assert [one.seq for one in (*verdict.samples, *verdict.records)] == [
        record.decode_unverified(one).seq for one in good
    ]
    assert [(one.position, one.reason) for one in verdict.set_aside] == [
        (1, reasons.RECORD_MAC),
        (2, reasons.RECORD),
    ]


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.tuples(st.integers(0, 200), st.integers(1, 255)),
            st.just(None),
        ),
        min_size=1,
        max_size=64,
    )
)
def test_whatever_stands_between_them_each_good_record_counts(items: list[object]) -> None:
    """None is a good record, bytes are anybody's, a pair is a good record with one byte changed."""
    vehicle, records, good = FakeVehicle("v-1", VEHICLE.key), [], []
    for item in items:
        made = vehicle.sample() if vehicle.seq % 2 else vehicle.seal(record.LOST, {0: 1})
        if item is None:
            good.append(vehicle.seq - 1)
        elif isinstance(item, tuple):
            at = item[0] % len(made)
            made = made[:at] + bytes([made[at] ^ item[1]]) + made[at + 1 :]
        elif isinstance(item, bytes):
            made = item
        records.append(made)
    verdict = accepted(FakeGateway("gw-1", GATEWAY.key).message(records))
    assert sorted(one.seq for one in (*verdict.samples, *verdict.records)) == good
    assert [one.position for one in verdict.set_aside] == [
        place for place, item in enumerate(items) if item is not None
    ]
    assert all(one.data == records[one.position] for one in verdict.set_aside)


def test_a_record_of_another_gateways_vehicle_is_set_aside() -> None:
    stranger = FakeVehicle("v-2")
    view = view_of(GATEWAY, VEHICLE)
    known = {**view.vehicles, "v-2": KnownVehicle("gw-2", stranger.record_key)}
    message = FakeGateway("gw-1", GATEWAY.key).message([stranger.sample()])
    (aside,) = accepted(message, View(view.gateways, known)).set_aside
    assert (aside.reason, aside.detail) == (reasons.RECORD_VEHICLE, "v-2")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff", reasons.BODY),
        (cbor.encode([]), reasons.BODY),
        (cbor.encode([b""] * 65), reasons.BODY),
        (cbor.encode([b"no record", 1]), reasons.BODY),
        (cbor.encode(b"no list"), reasons.BODY),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_as_authentic(body: bytes, reason: str) -> None:
    verdict = refusal(FakeGateway("gw-1", GATEWAY.key).message(body=body))
    assert (verdict.reason, verdict.authentic) == (reason, True)


@pytest.mark.parametrize("value", [1 << 63, (1 << 64) - 1])
def test_a_number_that_no_column_holds_is_refused_by_name(value: int) -> None:
    message = FakeGateway("gw-1", GATEWAY.key).message([VEHICLE.sample(odometer_m=value)])
    assert [one.reason for one in accepted(message).set_aside] == [reasons.RECORD_RANGE]


def test_a_grant_statement_is_not_a_gateways_to_make() -> None:
    body = cbor.encode(b"grant")
    message = FakeGateway("gw-1", GATEWAY.key).message(kind=statement.GRANT, body=body)
    assert refusal(message).reason == reasons.KIND


def test_a_gateway_event_is_accepted() -> None:
    body = cbor.encode({0: statement.STARTED, 1: "started"})
    message = FakeGateway("gw-1", GATEWAY.key).message(kind=statement.GATEWAY, body=body)
    verdict = judge(message)
    assert isinstance(verdict, Accepted)
    assert verdict.event == (statement.STARTED, "started")


@pytest.mark.parametrize(("ahead_s", "flagged"), [(120, False), (121, True)])
def test_a_statement_from_the_future_is_accepted_and_flagged(ahead_s: int, flagged: bool) -> None:
    message = FakeGateway("gw-1", GATEWAY.key).message([VEHICLE.sample()], time=NOW + ahead_s)
    verdict = judge(message)
    assert isinstance(verdict, Accepted)
    assert verdict.future is flagged


def _take(messages: list[bytes], view: View) -> list[object]:
    verdicts: list[object] = []
    for message in messages:
        verdict = acceptance.judge(message, "gw-1", view, NOW)
        if isinstance(verdict, Accepted):
            view.note(verdict)
        verdicts.append(verdict)
    return verdicts


CHAIN_VEHICLE, CHAIN_GATEWAY = FakeVehicle("v-1"), FakeGateway("gw-1")
CHAIN = [CHAIN_GATEWAY.message([CHAIN_VEHICLE.sample()]) for _ in range(8)]


@given(st.lists(st.integers(0, 7), max_size=30))
def test_any_order_with_gaps_and_repetitions_gives_the_same_set(order: list[int]) -> None:
    view = view_of(CHAIN_GATEWAY, CHAIN_VEHICLE)
    verdicts = _take([CHAIN[number] for number in order], view)
    assert not [one for one in verdicts if isinstance(one, Refused)]
    accepted = [one.seq for one in verdicts if isinstance(one, Accepted)]
    assert sorted(accepted) == sorted(set(order))
    assert sum(isinstance(one, Duplicate) for one in verdicts) == len(order) - len(accepted)


@given(st.permutations(range(8)), st.integers(0, 7), st.integers(0, 8))
@settings(max_examples=60)
def test_a_second_history_is_refused_wherever_it_comes(
    order: list[int], number: int, at: int
) -> None:
    """One signed by the same key, beside the chain: whichever of the two is first stays."""
    body = cbor.encode([CHAIN_VEHICLE.sample()])
    prev_hash = statement.decode_unverified(statement.decode_message(CHAIN[number])[0]).prev_hash
    _, other = CHAIN_GATEWAY.make(number, prev_hash, body)
    messages = [CHAIN[one] for one in order]
    messages.insert(at, other)
    verdicts = _take(messages, view_of(CHAIN_GATEWAY, CHAIN_VEHICLE))
    refused = [one for one in verdicts if isinstance(one, Refused)]
    assert refused
    assert all(one.authentic for one in refused)
    assert {one.reason for one in refused} <= {reasons.EQUIVOCATION, reasons.BROKEN_CHAIN}
    accepted = [one for one in verdicts if isinstance(one, Accepted)]
    hashes = {one.seq: one.hash for one in accepted}
    assert all(
        one.prev_hash == hashes.get(one.seq - 1, one.prev_hash) for one in accepted if one.seq
    )


def test_number_zero_begins_the_chain() -> None:
    gateway = FakeGateway("gw-1", GATEWAY.key, head=bytes([1]) * 32)
    assert refusal(gateway.message([VEHICLE.sample()])).reason == reasons.BROKEN_CHAIN


def test_the_largest_number_is_judged_like_any_other() -> None:
    gateway = FakeGateway("gw-1", GATEWAY.key, seq=(1 << 63) - 1)
    assert isinstance(judge(gateway.message([VEHICLE.sample()])), Accepted)


def released(message: bytes, by: FakeGateway = GATEWAY) -> bytes:
    return statement.encode_release(statement.decode_message(message)[0], by.key.sign)


def test_the_clock_of_a_statement_is_told() -> None:
    gateway = FakeGateway("gw-1")
    verdict = judge(gateway.message([VEHICLE.sample()], clock=(2, 30)), view_of(gateway, VEHICLE))
    assert isinstance(verdict, Accepted) and (verdict.clock, verdict.error_ms) == (2, 30)
    verdict = judge(GOOD)
    assert isinstance(verdict, Accepted) and (verdict.clock, verdict.error_ms) == (None, None)


def test_content_that_the_gateway_gave_up_is_logged_without_it() -> None:
    verdict = judge(released(GOOD))
    assert isinstance(verdict, Accepted) and verdict.released
    assert (verdict.salt, verdict.packed) == (b"", b"")
    assert not (verdict.samples or verdict.records or verdict.set_aside)
    assert verdict.statement == statement.decode_message(GOOD)[0]
    assert not judge(GOOD).released  # type: ignore[attr-defined]


def test_whoever_takes_the_content_away_on_the_road_takes_nothing() -> None:
    sign1 = statement.decode_message(GOOD)[0]
    forger = FakeGateway("gw-1")
    other = statement.decode_message(GATEWAY.message([VEHICLE.sample()]))[0]
    borrowed = statement.decode_release(statement.encode_release(other, GATEWAY.key.sign))[1]
    for message in (released(GOOD, forger), cbor.encode([sign1, borrowed])):
        verdict = refusal(message)
        assert (verdict.reason, verdict.authentic) == (reasons.RELEASE, False)
    assert refusal(cbor.encode([sign1])).reason == reasons.MESSAGE
    assert refusal(cbor.encode([sign1, bytes(63)])).reason == reasons.MESSAGE


def test_only_the_content_of_records_may_be_given_up() -> None:
    gateway = FakeGateway("gw-1")
    event = gateway.message(kind=statement.GATEWAY, body=cbor.encode({0: 1, 1: "started"}))
    verdict = refusal(released(event, gateway), view_of(gateway, VEHICLE))
    assert (verdict.reason, verdict.authentic) == (reasons.RELEASE_KIND, True)


def test_a_released_statement_keeps_its_place_in_the_chain() -> None:
    gateway = FakeGateway("gw-1")
    view = view_of(gateway, VEHICLE)
    first, second = (gateway.message([VEHICLE.sample()]) for _ in range(2))
    for message in (released(second, gateway), first):
        verdict = judge(message, view)
        assert isinstance(verdict, Accepted)
        view.note(verdict)
    assert isinstance(judge(second, view), Duplicate)
    assert isinstance(judge(released(first, gateway), view), Duplicate)
    fork, _ = gateway.make(1, bytes(32), cbor.encode([VEHICLE.sample()]))
    verdict = refusal(statement.encode_release(fork, gateway.key.sign), view)
    assert (verdict.reason, verdict.authentic) == (reasons.EQUIVOCATION, True)


@given(st.binary(max_size=300))
def test_any_bytes_behind_the_head_of_a_release_are_refused(data: bytes) -> None:
    assert not refusal(b"\x82" + data).authentic
