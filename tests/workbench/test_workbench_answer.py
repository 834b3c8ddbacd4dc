"""The answer of a raw REPL, whole, in pieces, and broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.answer import MOST_BYTES, Answer, AnswerDecoder
from workbench.errors import ReplyError

text = st.binary().map(lambda data: data.replace(b"\x04", b""))


@given(text, text, st.lists(st.integers(1, 9)))
def test_any_cut_gives_the_same_answer(output: bytes, error: bytes, sizes: list[int]) -> None:
    whole = output + b"\x04" + error + b"\x04>"
    decoder = AnswerDecoder()
    for size in sizes:
        if size < len(whole):
            assert decoder.feed(whole[:size]) is None
            whole = whole[size:]
    assert decoder.feed(whole) == Answer(output, error)


@given(st.binary(), st.binary())
def test_arbitrary_bytes_raise_the_packages_error_only(first: bytes, second: bytes) -> None:
    decoder = AnswerDecoder()
    try:
        decoder.feed(first)
        decoder.feed(second)
    except ReplyError:
        return


@pytest.mark.parametrize("wrong", [b"a\x04b\x04x", b"a\x04b\x04>more", b"x" * (MOST_BYTES + 1)])
def test_refuses(wrong: bytes) -> None:
    with pytest.raises(ReplyError):
        AnswerDecoder().feed(wrong)
