"""What is kept of grants with codes: one form, bounded, strict, and nobody else's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vcu import deposits
from vcu.deposits import Deposit, Deposits, decode_deposits, encode_deposits, of_grant

from protocol import cbor, codes, grant
from protocol.errors import DecodeError

OWNER = bytes(range(32))
ACTIONS = grant.CODE_ACTIONS


def item(number=0, **changes):
    value = {
        "ids": [bytes((number,)) * 16],
        "salt": b"s" * 16,
        "not_before": 100,
        "not_after": 200,
        "generation": 1,
        "actions": ACTIONS,
        "limits": {0: 5_000},
        "hashes": [bytes((i,)) * 16 for i in range(2)],
    }
    value.update(changes)
    return list(value.values())


def blob(items, owner=OWNER[:16], wrong=0, version=1):
    return cbor.encode([version, owner, wrong, items])


ids16 = st.binary(min_size=16, max_size=16)
u32 = st.integers(0, 0xFFFFFFFF)
times = st.tuples(u32, u32).filter(lambda pair: pair[0] != pair[1]).map(sorted)
items = st.builds(
    lambda ids, salt, span, generation, limits, hashes: [
        ids, salt, *span, generation, ACTIONS, limits, hashes,
    ],
    st.lists(ids16, min_size=1, max_size=3),
    ids16,
    times,
    u32,
    st.dictionaries(st.sampled_from([0, 1]), u32),
    st.lists(ids16, max_size=4, unique=True),
)  # fmt: skip
stores = st.lists(items, max_size=4, unique_by=lambda one: one[0][-1])


@settings(max_examples=200)
@given(stores, st.integers(0, 255))
def test_what_is_kept_comes_back_and_fits(kept, wrong):
    data = encode_deposits(Deposits(OWNER, wrong, [Deposit(one) for one in kept]))
    assert len(data) <= deposits.MAX_BYTES
    back = decode_deposits(data, OWNER)
    assert back.wrong == wrong and back.owner == OWNER[:16]
    assert [one.as_list() for one in back.items] == kept


@settings(max_examples=400)
@given(st.binary(max_size=300) | stores.map(blob), st.data())
def test_only_the_own_error_comes_out(data, draw):
    """Also of a store with a byte changed, cut or added."""
    if data:
        at = draw.draw(st.integers(0, len(data) - 1))
        data = draw.draw(
            st.sampled_from([data, data[:at], data + b"\x00", data[:at] + b"\xff" + data[at + 1 :]])
        )
    try:
        back = decode_deposits(data, OWNER)
    except DecodeError as error:
        assert error.name
        return
    if data and back.items:
        assert encode_deposits(back) == data


def test_empty_bytes_are_no_deposits():
    back = decode_deposits(b"", OWNER)
    assert (back.items, back.wrong, back.owner) == ([], 0, OWNER[:16])


def test_another_owners_are_dropped_and_the_count_stays():
    back = decode_deposits(blob([item()], owner=b"x" * 16, wrong=7), OWNER)
    assert back.items == [] and back.wrong == 7 and back.owner == OWNER[:16]


WRONG = {
    "version": blob([], version=2),
    "owner of 15": blob([], owner=bytes(15)),
    "owner as text": blob([], owner="x" * 16),
    "count over a byte": blob([], wrong=256),
    "count negative": blob([], wrong=-1),
    "items as map": blob({}),
    "five": blob([item(i) for i in range(5)]),
    "the same grant twice": blob([item(1), item(1)]),
    "an item of seven": blob([item()[:7]]),
    "an item as number": blob([1]),
    "no ids": blob([item(ids=[])]),
    "four ids": blob([item(ids=[bytes(16)] * 4)]),
    "an id of 15": blob([item(ids=[bytes(15)])]),
    "ids as bytes": blob([item(ids=bytes(16))]),
    "salt of 15": blob([item(salt=bytes(15))]),
    "ends as it begins": blob([item(not_after=100)]),
    "ends before": blob([item(not_after=99)]),
    "time of 33 bits": blob([item(not_after=1 << 32)]),
    "begin negative": blob([item(not_before=-1)]),
    "generation as true": blob([item(generation=True)]),
    "without unlock": blob([item(actions=ACTIONS & ~1)]),
    "without deposit": blob([item(actions=1)]),
    "with delegate": blob([item(actions=ACTIONS | grant.DELEGATE)]),
    "unknown limit": blob([item(limits={2: 1})]),
    "limit as text": blob([item(limits={0: "5"})]),
    "limits as list": blob([item(limits=[])]),
    "five hashes": blob([item(hashes=[bytes((i,)) * 16 for i in range(5)])]),
    "a hash of 15": blob([item(hashes=[bytes(15)])]),
    "a hash twice": blob([item(hashes=[bytes(16)] * 2)]),
    "a hash as map": blob([item(hashes=[{}])]),
    "trailing": blob([]) + b"\x00",
    "too large": bytes(deposits.MAX_BYTES + 1),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_store_that_is_none_is_refused(name):
    with pytest.raises(DecodeError):
        decode_deposits(WRONG[name], OWNER)


def test_what_is_kept_of_a_grant():
    holder = bytes(range(1, 33))
    above = grant.Grant("v-1", bytes(32), 0xFFFF, 1, 9_999, 3, b"a" * 16, {1: 60})
    last = grant.Grant(
        "v-1", holder, ACTIONS, 10, 70, 3, b"b" * 16, {0: 4, 1: 60}, [b"s" * 16, b"h" * 16]
    )
    kept = of_grant([above, last])
    assert kept.as_list() == [
        [b"a" * 16, b"b" * 16],
        codes.salt_for("v-1", holder, b"s" * 16),
        10,
        70,
        3,
        ACTIONS,
        {0: 4, 1: 60},
        [b"h" * 16],
    ]
    assert kept.grant_id() == b"b" * 16
