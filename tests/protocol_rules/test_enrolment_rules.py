"""The one-time code finds slips; seals hold for whole documents and no others."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor, enrolment
from protocol.errors import DecodeError, EncodeError, ProtocolError, VerifyError

drawn = st.binary(min_size=15, max_size=15)
KEY = bytes(range(32))


def request() -> enrolment.Request:
    return enrolment.Request(bytes(16), bytes(32), b"csr", b"n" * 16, bytes(64))


def answer() -> enrolment.Answer:
    return enrolment.Answer(
        b"n" * 16,
        "gw-1",
        [b"leaf", b"middle"],
        b"root",
        bytes(32),
        ("broker.example", 8883, "broker"),
        ["log.example/fleet+0123abcd+key"],
        ["trike-1", "trike-2"],
    )


@given(drawn)
def test_a_code_is_read_as_it_is_shown(raw: bytes) -> None:
    code = enrolment.code_of(raw)
    assert len(code) == 25 and len(enrolment.show_code(code)) == 29
    for shown in (enrolment.show_code(code), code.upper(), code.replace("0", "O")):
        assert enrolment.read_code(shown) == code


@given(drawn, drawn)
def test_two_draws_are_two_codes(one: bytes, other: bytes) -> None:
    assert (enrolment.code_of(one) == enrolment.code_of(other)) is (one == other)


@given(drawn, st.integers(0, 24), st.sampled_from(enrolment.ALPHABET))
def test_one_wrong_letter_is_found(raw: bytes, place: int, letter: str) -> None:
    code = enrolment.code_of(raw)
    if code[place] == letter:
        return
    with pytest.raises(DecodeError, match="check"):
        enrolment.read_code(code[:place] + letter + code[place + 1 :])


@given(drawn, st.integers(0, 24), st.integers(0, 24))
def test_two_letters_that_changed_places_are_found(raw: bytes, left: int, right: int) -> None:
    letters = list(enrolment.code_of(raw))
    if letters[left] == letters[right]:
        return
    letters[left], letters[right] = letters[right], letters[left]
    with pytest.raises(DecodeError, match="check"):
        enrolment.read_code("".join(letters))


@given(st.text(max_size=60))
def test_nonsense_is_no_code(text: str) -> None:
    try:
        code = enrolment.read_code(text)
    except DecodeError:
        return
    assert len(code) == 25


@pytest.mark.parametrize("size", [0, 14, 16])
def test_a_code_is_drawn_from_fifteen_bytes(size: int) -> None:
    with pytest.raises(EncodeError):
        enrolment.code_of(bytes(size))


def test_name_and_key_of_a_code_tell_nothing_of_each_other() -> None:
    code = enrolment.code_of(bytes(15))
    assert not enrolment.key_of(code).startswith(enrolment.invitation_of(code))


def test_the_seal_is_hmac_sha256_of_rfc_9052() -> None:
    data = enrolment.encode_request(request(), KEY)
    protected, _, payload, tag = cbor.decode(data)  # type: ignore[misc]
    message = cbor.encode(["MAC0", protected, b"trifleet/enrolment-request/v1", payload])
    assert tag == hmac.digest(KEY, message, hashlib.sha256)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_of_a_request_is_refused(place: int, change: int) -> None:
    data = bytearray(enrolment.encode_request(request(), KEY))
    data[place % len(data)] ^= change
    with pytest.raises(ProtocolError):
        enrolment.open_request(bytes(data), KEY)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_of_an_answer_is_refused(place: int, change: int) -> None:
    data = bytearray(enrolment.encode_answer(answer(), KEY))
    data[place % len(data)] ^= change
    with pytest.raises(ProtocolError):
        enrolment.open_answer(bytes(data), KEY, b"n" * 16)


def test_an_answer_is_whole_and_to_this_question() -> None:
    data = enrolment.encode_answer(answer(), KEY)
    found = enrolment.open_answer(data, KEY, b"n" * 16)
    assert vars(found) == vars(answer())
    with pytest.raises(VerifyError, match="nonce"):
        enrolment.open_answer(data, KEY, b"m" * 16)
    with pytest.raises(VerifyError, match="seal"):
        enrolment.open_answer(data, bytes(32), b"n" * 16)
