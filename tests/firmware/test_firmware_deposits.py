"""What is kept of grants with codes: one form, bounded, strict, and nobody else's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vcu import deposits
from vcu.deposits import Deposit, Deposits, decode_deposits, encode_deposits, of_grant

from protocol import codes, grant
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
    return Deposit(**value)


def blob(items, owner=OWNER, wrong=0):
    return encode_deposits(Deposits(owner, wrong, items))


def spoilt(at, value, items=None):
    """A store with one byte of its first item replaced."""
    data = bytearray(blob(items or [item()]))
    data[18 + at] = value
    return bytes(data)


ids16 = st.binary(min_size=16, max_size=16)
u32 = st.integers(0, 0xFFFFFFFF)
times = st.tuples(u32, u32).filter(lambda pair: pair[0] != pair[1]).map(sorted)
items = st.builds(
    lambda ids, salt, span, generation, limits, hashes: Deposit(
        ids, salt, *span, generation, ACTIONS, limits, hashes
    ),
    st.lists(ids16, min_size=1, max_size=3),
    ids16,
    times,
    u32,
    st.dictionaries(st.sampled_from([0, 1]), u32),
    st.lists(ids16, max_size=4, unique=True),
)
stores = st.lists(items, max_size=4, unique_by=lambda one: one.grant_id())


@settings(max_examples=200)
@given(stores, st.integers(0, 255))
def test_what_is_kept_comes_back_and_fits(kept, wrong):
    data = blob(kept, wrong=wrong)
    assert len(data) <= deposits.MAX_BYTES <= 1_024
    back = decode_deposits(data, OWNER)
    assert back.wrong == wrong and back.owner == OWNER[:16]
    assert [vars(one) for one in back.items] == [vars(one) for one in kept]


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
    back = decode_deposits(blob([item()], owner=b"x" * 32, wrong=7), OWNER)
    assert back.items == [] and back.wrong == 7 and back.owner == OWNER[:16]


WRONG = {
    "version 0": b"\x00" + blob([])[1:],
    "version 2": b"\x02" + blob([])[1:],
    "head cut": blob([])[:17],
    "item cut": blob([item()])[:-1],
    "trailing": blob([]) + b"\x00",
    "five": blob([item(i) for i in range(5)]),
    "the same grant twice": blob([item(1), item(1)]),
    "no ids": spoilt(0, 0),
    "four ids": spoilt(0, 4),
    "more ids than it says": spoilt(48, 1),
    "ends as it begins": blob([item(not_after=100)]),
    "ends before": blob([item(not_after=99)]),
    "without unlock": blob([item(actions=ACTIONS & ~1)]),
    "without deposit": blob([item(actions=1)]),
    "with delegate": blob([item(actions=ACTIONS | grant.DELEGATE)]),
    "unknown action": blob([item(actions=ACTIONS | 0x4000)]),
    "unknown limit": spoilt(79, 5),
    "a limit that is said not to be there": spoilt(79, 0),
    "five hashes": spoilt(88, 5),
    "more hashes than it says": spoilt(152, 1),
    "a hash twice": blob([item(hashes=[bytes(16)] * 2)]),
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
    assert vars(kept) == {
        "ids": [b"a" * 16, b"b" * 16],
        "salt": codes.salt_for("v-1", holder, b"s" * 16),
        "not_before": 10,
        "not_after": 70,
        "generation": 3,
        "actions": ACTIONS,
        "limits": {0: 4, 1: 60},
        "hashes": [b"h" * 16],
    }
    assert kept.grant_id() == b"b" * 16
