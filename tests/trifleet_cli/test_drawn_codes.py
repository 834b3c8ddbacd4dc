"""Codes as a phone draws them: what goes out are hashes, and the digits are told once."""

import pytest

from protocol import codes, grant
from trifleet.codes import DrawnCodes, grouped
from trifleet.errors import ClientError

HOLDER = bytes(range(32))


@pytest.mark.parametrize("count", [1, 4])
def test_each_code_is_the_one_whose_hash_goes_out(count: int) -> None:
    drawn = DrawnCodes("trike-1", HOLDER, count)
    salt = codes.salt_for("trike-1", HOLDER, drawn.wire[0])
    told = drawn.tell_once()
    assert [codes.stretch(salt, code.encode()) for code in told] == drawn.wire[1:]
    assert codes.decode(drawn.wire, "wire") == drawn.wire
    assert len(set(told)) == count
    assert all(len(code) == codes.DIGITS and code.isdigit() for code in told)


def test_the_digits_are_told_once_and_never_printed() -> None:
    drawn = DrawnCodes("trike-1", HOLDER)
    printed = repr(drawn) + str(drawn)
    told = drawn.tell_once()
    assert not any(code in printed for code in told)
    with pytest.raises(ClientError):
        drawn.tell_once()


def test_each_grant_has_a_salt_of_its_own() -> None:
    assert len({DrawnCodes("trike-1", HOLDER).wire[0] for _ in range(5)}) == 5


@pytest.mark.parametrize("count", [-1, 0, 5])
def test_a_grant_carries_one_to_four(count: int) -> None:
    with pytest.raises(ClientError):
        DrawnCodes("trike-1", HOLDER, count)


def test_people_read_four_digits_at_a_time() -> None:
    assert grouped("0123456789012345") == "0123 4567 8901 2345"


def test_the_actions_that_a_client_asks_for_may_have_codes() -> None:
    assert grant.may_have_codes(grant.CODE_ACTIONS | 2)
