"""The proof file: written one way, refused in every other, and about its checkpoint only."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from anchor_tools import KEY, ORIGIN, POLICY, calendars_of
from calendar_stand_in import Bitcoin, Calendar
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_backend.anchors.bitcoin import HeaderFile
from fleet_backend.anchors.errors import AnchorError, AnchorProofError, HeaderError
from fleet_backend.anchors.evm import ChainPlace
from fleet_backend.anchors.proof import (
    MAX_PROOF_BYTES,
    UnverifiedAnchor,
    open_anchor,
    parse_anchor,
)
from fleet_backend.ledger.checkpoint import Checkpoint, sign_checkpoint
from fleet_backend.ledger.keys import log_signer
from fleet_backend.ledger.policy import parse_policy

ROOT = b"\x11" * 32
NOTE = sign_checkpoint(Checkpoint(ORIGIN, 5, ROOT), log_signer(ORIGIN, KEY)).note
OTHER = sign_checkpoint(Checkpoint(ORIGIN, 6, ROOT), log_signer(ORIGIN, KEY)).note
PLACE = ChainPlace(1, b"\x01" * 20, b"\x02" * 20, b"\x03" * 32)
TRUSTED = parse_policy(POLICY)


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    with Calendar(Bitcoin()) as one:
        yield one


@pytest.fixture
def stamp(calendar: Calendar) -> bytes:
    file = calendars_of(calendar.url).stamp(NOTE)
    calendar.mine(800_000)
    return calendars_of(calendar.url).upgrade(file)[0].encode()


@settings(deadline=None)
@given(st.binary(max_size=90), st.booleans(), st.binary(min_size=32, max_size=32))
def test_a_proof_file_is_read_as_it_was_written(ots: bytes, chain: bool, tx: bytes) -> None:
    place = ChainPlace(7, b"\x01" * 20, b"\x02" * 20, tx) if chain else None
    anchor = UnverifiedAnchor(NOTE, ots, place)
    if not ots and place is None:
        with pytest.raises(AnchorProofError, match="no anchor yet"):
            anchor.encode()
        return
    assert parse_anchor(anchor.encode()) == anchor


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_nonsense_is_no_proof(data: bytes, with_header: bool) -> None:
    data = (b"trifleet-anchor@v1\n" if with_header else b"") + data
    try:
        anchor = parse_anchor(data)
    except AnchorProofError:
        return
    assert anchor.encode() == data


GOOD = UnverifiedAnchor(NOTE, b"stamp", PLACE).encode()
EVM = b"evm 1 0x" + b"01" * 20 + b" 0x" + b"02" * 20 + b" 0x" + b"03" * 32 + b"\n"
BAD = {
    "another version": GOOD.replace(b"@v1", b"@v2"),
    "no empty line": GOOD.replace(b"\n\n", b"\n"),
    "carriage returns": GOOD.replace(b"\n", b"\r\n"),
    "no anchor": b"trifleet-anchor@v1\n\n" + NOTE,
    "other order": b"trifleet-anchor@v1\n" + EVM + b"ots c3RhbXA=\n\n" + NOTE,
    "evm twice": GOOD.replace(EVM, EVM + EVM),
    "ots twice": GOOD.replace(b"ots c3RhbXA=\n", b"ots c3RhbXA=\nots c3RhbXA=\n"),
    "empty ots": GOOD.replace(b"ots c3RhbXA=", b"ots "),
    "stray bits": GOOD.replace(b"c3RhbXA=", b"c3RhbXB="),
    "an unknown line": GOOD.replace(EVM, EVM + b"more\n"),
    "chain zero": GOOD.replace(b"evm 1 ", b"evm 0 "),
    "leading zero": GOOD.replace(b"evm 1 ", b"evm 01 "),
    "capitals": GOOD.replace(b"03" * 32, b"0A" * 32),
    "short transaction": GOOD.replace(b"03" * 32, b"03" * 31),
    "not text": b"\xff" + GOOD,
    "too long": GOOD + bytes(MAX_PROOF_BYTES),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_proof_that_is_written_otherwise_is_refused(name: str) -> None:
    with pytest.raises(AnchorProofError):
        parse_anchor(BAD[name])


def test_a_proof_is_verified_with_headers(stamp: bytes, calendar: Calendar, tmp_path: Path) -> None:
    found = open_anchor(UnverifiedAnchor(NOTE, stamp).encode(), TRUSTED)
    assert (found.origin, found.size, found.root) == (ORIGIN, 5, ROOT)
    (tmp_path / "headers").write_text(calendar.bitcoin.lines())
    attested, _ = found.verify_in_bitcoin(HeaderFile(tmp_path / "headers"), 0)
    assert attested.height == 800_000
    with pytest.raises(HeaderError, match="less work"):
        found.verify_in_bitcoin(HeaderFile(tmp_path / "headers"))


def test_a_timestamp_of_another_checkpoint_is_refused(stamp: bytes) -> None:
    with pytest.raises(AnchorProofError, match="about something else"):
        open_anchor(UnverifiedAnchor(OTHER, stamp).encode(), TRUSTED)


def test_a_checkpoint_that_nobody_trusted_signed_is_refused(stamp: bytes) -> None:
    forged = NOTE.replace(b"\n5\n", b"\n7\n")
    with pytest.raises(AnchorProofError, match="does not hold"):
        open_anchor(UnverifiedAnchor(forged, stamp).encode(), TRUSTED)


def test_rubbish_in_the_place_of_a_timestamp_is_refused() -> None:
    with pytest.raises(AnchorError, match="not a timestamp"):
        open_anchor(UnverifiedAnchor(NOTE, b"rubbish").encode(), TRUSTED)
