"""Frames of a stream: nothing in them that a REPL acts on, and back as they were."""

import binascii
import hashlib
import struct
import zlib
from base64 import b64decode
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import stream
from workbench.checked import Checked
from workbench.errors import DeviceError
from workbench.raw_repl import RawRepl
from workbench.stream import BLOCK_BYTES, HELPERS, Stream, frame_of

ON_BOARD: dict[str, object] = {}
exec(HELPERS, ON_BOARD)
ACTED_ON = {0x03, 0x04, 0x0D}


def decode(frame: bytes) -> tuple[int, bytes]:
    """As the board does, by its own lines where they run here."""
    head = b64decode(frame[:16])
    at, size, full, total = struct.unpack("<IHHI", head)
    body = frame[16:]
    assert len(body) == size
    assert binascii.crc32(body, binascii.crc32(head[:8])) == total
    data = ON_BOARD["_plain"](body)  # type: ignore[operator]
    return at, zlib.decompress(data, -12) if full else data


@given(
    st.integers(0, 2**32 - 1),
    st.binary(max_size=600) | st.lists(st.sampled_from([3, 4, 13, 16, 67]), max_size=600),
    st.booleans(),
)
def test_frames_hold_nothing_that_a_repl_acts_on(
    at: int, raw: bytes | list[int], deflate: bool
) -> None:
    data = bytes(raw)
    frame = frame_of(at, data, deflate=deflate)
    assert not ACTED_ON & set(frame)
    assert decode(frame) == (at, data)


def test_the_largest_frames_fit_the_boards_memory() -> None:
    for number in range(20):
        block = Random(number).randbytes(BLOCK_BYTES)
        assert len(frame_of(0, block, deflate=True)) - 16 <= stream._MOST_BODY_BYTES
    worst = frame_of(0, b"\r" * BLOCK_BYTES, deflate=False)
    assert len(worst) - 16 == stream._MOST_PLAIN_BYTES


@pytest.mark.parametrize("inflates", [True, False])
def test_blocks_arrive_in_order(repl: RawRepl, inflates: bool) -> None:
    checked = Checked(repl)
    checked.add(HELPERS)
    checked.exec("import hashlib\ntotal = hashlib.sha256()\ndef sink(at, data): total.update(data)")
    # Without compression a board has room for twice a block; this one has it with.
    data = Random(1).randbytes(20_000) + b"\r\x03\x04\x10" * (1_000 if inflates else 50)
    pieces = [(at, data[at : at + BLOCK_BYTES]) for at in range(0, len(data), BLOCK_BYTES)]
    told: list[int] = []
    assert Stream(checked, "sink", inflates=inflates).send(pieces, told.append) == len(pieces)
    assert told == list(range(1, len(pieces) + 1))
    found = checked.exec("print(binascii.hexlify(total.digest()).decode())").strip()
    assert found == hashlib.sha256(data).hexdigest().encode()


def test_what_the_sink_raises_is_an_error_of_the_board(repl: RawRepl) -> None:
    checked = Checked(repl)
    checked.add(HELPERS)
    checked.exec("def sink(at, data): raise OSError(28)")
    with pytest.raises(DeviceError, match="28"):
        Stream(checked, "sink", inflates=True).send([(0, b"data")], lambda _: None)
    assert checked.exec("print('goes on')") == b"goes on\n"
