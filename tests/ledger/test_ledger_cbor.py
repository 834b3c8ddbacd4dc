"""The ledger's CBOR: one spelling a value, with cbor2 as the oracle of what is well-formed."""

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_backend.ledger import cbor
from fleet_backend.ledger.errors import ProofError

NUMBERS = st.integers(-(1 << 64), (1 << 64) - 1)
VALUES = st.recursive(
    NUMBERS | st.binary(max_size=40) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(NUMBERS, inner, max_size=4)
        | st.builds(cbor.Tagged, st.integers(30_000, 40_000), inner)
    ),
    max_leaves=12,
)


def as_oracle(value: object) -> object:
    if isinstance(value, list):
        return [as_oracle(item) for item in value]
    if isinstance(value, dict):
        return {key: as_oracle(item) for key, item in value.items()}
    if isinstance(value, cbor.Tagged):
        return cbor2.CBORTag(value.tag, as_oracle(value.value))
    return value


def depth_of(value: object) -> int:
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    if isinstance(value, cbor.Tagged):
        inner = (value.value,)
    return 1 + max(map(depth_of, inner), default=0)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_what_is_written_reads_back_and_the_oracle_reads_the_same(value):
    data = cbor.encode(value)
    assert cbor2.loads(data) == as_oracle(value)
    if depth_of(value) > cbor.MAX_DEPTH:
        with pytest.raises(ProofError, match="deeper"):
            cbor.decode(data)
        return
    assert cbor.decode(data) == value


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_are_the_one_spelling(data):
    try:
        value = cbor.decode(data)
    except ProofError:
        return
    assert cbor.encode(value) == data
    if "Tagged" not in repr(value):  # the oracle makes dates and the like of the tags that it knows
        assert cbor2.loads(data) == as_oracle(value)


REFUSED = {
    "nothing": "",
    "cut off number": "19 01",
    "cut off bytes": "42 00",
    "cut off array": "82 01",
    "cut off map": "a1 01",
    "long count": "9b ff ff ff ff ff ff ff ff",
    "longer number": "18 17",
    "longer number of two": "19 00 ff",
    "longer number of four": "1a 00 00 ff ff",
    "longer number of eight": "1b 00 00 00 00 ff ff ff ff",
    "longer negative": "38 17",
    "longer length": "58 01 00",
    "longer tag": "d8 12 00",
    "indefinite bytes": "5f 41 00 ff",
    "indefinite array": "9f ff",
    "indefinite map": "bf ff",
    "break": "ff",
    "reserved": "1c",
    "text": "61 61",
    "false": "f4",
    "true": "f5",
    "undefined": "f7",
    "half float": "f9 00 00",
    "double": "fb 00 00 00 00 00 00 00 00",
    "simple value": "f8 20",
    "key in bytes": "a1 41 00 00",
    "null as key": "a1 f6 00",
    "key twice": "a2 01 00 01 00",
    "keys out of order": "a2 02 00 01 00",
    "keys in the older order": "a2 20 00 18 64 00",  # -1 before 100: shorter first
    "trailing byte": "00 00",
    "nine deep": "81 81 81 81 81 81 81 81 81 00",
}


@pytest.mark.parametrize("case", REFUSED)
def test_everything_else_is_refused(case):
    with pytest.raises(ProofError):
        cbor.decode(bytes.fromhex(REFUSED[case]))


def test_the_edges_of_what_is_read():
    eight = bytes.fromhex("81 81 81 81 81 81 81 00")
    assert cbor.decode(eight) == [[[[[[[0]]]]]]]
    assert cbor.decode(bytes.fromhex("a2 18 64 00 20 00")) == {100: 0, -1: 0}
    largest = cbor.encode(bytes(cbor.MAX_BYTES - 3))
    assert len(largest) == cbor.MAX_BYTES and cbor.decode(largest)
    with pytest.raises(ProofError, match="at most"):
        cbor.decode(largest + b"\0")


@pytest.mark.parametrize("value", [True, 1.5, {1}, 1 << 64, {b"key": object()}])
def test_what_has_no_encoding_is_a_mistake_of_ours(value):
    with pytest.raises(TypeError):
        cbor.encode(value)
