"""Receipts are made of the public log and believed in nothing else; a release is logged or not."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from notary_stand import ORIGIN, Site, _Server, serving

from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.keys import log_vkey
from fleet_backend.receipts.logged import MAX_RECEIPT_BYTES, check_logged, trusting
from protocol import ack, cbor, statement, workorder
from protocol.errors import DecodeError, VerifyError
from tests.notary.documents import head, order
from trifleet.notary.collection import collect
from trifleet.notary.errors import ReceiptFaultError, WaitingError
from trifleet.notary.notary import Notary, open_notary
from trifleet.notary.reporting import report_of
from workbench.report.facts import ACCEPTED, LOGGED

HEAD, ORDER = head(), workorder.encode(order())


@pytest.fixture
def server(site: Site) -> Iterator[_Server]:
    with serving(site.log / "public") as made:
        yield made


@pytest.fixture
def notary(site: Site) -> Iterator[Notary]:
    """With a work order and a release that the backend took."""
    with open_notary(site.enrol()) as opened:
        opened.append(statement.WORK_ORDER, ORDER)
        opened.append(statement.RELEASE, HEAD)
        opened.archive.acknowledge([(0, 1)], [])
        opened.outbox.delete(ack.Ack(opened.name, [(0, 1)], []))
        yield opened


def log_all(site: Site, server: _Server, notary: Notary) -> None:
    """As the sequencer does, behind an entry of somebody else."""
    entries = [one.sign1 for one in notary.kept()]
    site.append(b"another's entry", *entries)
    for place, entry in enumerate(entries, 1):
        server.says(entry, place)


def test_receipts_come_once_the_log_has_them(site: Site, server: _Server, notary: Notary) -> None:
    with pytest.raises(WaitingError, match="not in the published ledger"):
        collect(notary, server.address, 0)
    server.says(notary.kept()[0].sign1, None)
    with pytest.raises(WaitingError, match="not in the published ledger"):
        collect(notary, server.address, 0)
    assert report_of(notary, 0).state == ACCEPTED
    log_all(site, server, notary)
    assert collect(notary, server.address, 0) == 2
    assert collect(notary, "http://127.0.0.1:1", 0) == 0
    logged = check_logged(HEAD, notary.archive.get(1).receipt, notary.policy)
    assert (logged.index, logged.size, logged.origin) == (2, 3, ORIGIN)
    found = report_of(notary, 0)
    assert (found.state, found.index, found.order.vehicle) == (LOGGED, 1, "trike-9")
    notary.archive.keep_receipt(0, notary.archive.get(1).receipt)
    with pytest.raises(ReceiptFaultError, match="of something else"):
        report_of(notary, 0)
    notary.archive.keep_receipt(0, b"noise")
    with pytest.raises(ReceiptFaultError, match="damaged"):
        report_of(notary, 0)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (0, ReceiptFaultError),  # another's entry
        (2, ReceiptFaultError),  # our own other statement
        (3, WaitingError),  # beyond the log: not there yet
        (-1, ReceiptFaultError),
        (True, ReceiptFaultError),
        ("1", ReceiptFaultError),
        (1 << 70, ReceiptFaultError),
        (b"[]", ReceiptFaultError),
        (b"\xff{", ReceiptFaultError),
        (b"[" * 100_000, ReceiptFaultError),
    ],
)
def test_a_server_that_lies_brings_no_receipt(
    site: Site, server: _Server, notary: Notary, said: object, error: type[Exception]
) -> None:
    log_all(site, server, notary)
    server.says(notary.kept()[0].sign1, said)
    with pytest.raises(error):
        collect(notary, server.address, 0)
    assert notary.archive.get(0).receipt == b""


def test_a_log_under_another_key_brings_no_receipt(
    site: Site, server: _Server, notary: Notary, tmp_path: Path
) -> None:
    log_all(site, server, notary)
    other = Site.__new__(Site)
    other.log_key, other.log = Ed25519PrivateKey.generate(), tmp_path / "other"
    from fleet_backend.ledger.writer import create_ledger

    create_ledger(other.log, ORIGIN, other.log_key)
    other.append(b"another's entry", *(one.sign1 for one in notary.kept()))
    server.public = other.log / "public"
    with pytest.raises(ReceiptFaultError, match="does not prove"):
        collect(notary, server.address, 0)
    with pytest.raises(WaitingError, match="does not answer"):
        collect(notary, "http://127.0.0.1:1", 0)


@pytest.fixture
def receipts(site: Site, server: _Server, notary: Notary) -> tuple[bytes, bytes]:
    """(of the work order, of the release)."""
    log_all(site, server, notary)
    collect(notary, server.address, 0)
    return notary.archive.get(0).receipt, notary.archive.get(1).receipt


def test_only_this_release_in_this_log_is_logged(site: Site, receipts: tuple[bytes, bytes]) -> None:
    of_order, of_release = receipts
    policy = trusting([log_vkey(ORIGIN, site.log_key)])
    assert check_logged(HEAD, of_release, policy).seq == 1
    for other in (head(3), head(2, signers=1), HEAD[:-1], b""):
        with pytest.raises(VerifyError, match="another-release"):
            check_logged(other, of_release, policy)
    with pytest.raises(VerifyError, match="not-a-release"):
        check_logged(ORDER, of_order, policy)
    with pytest.raises(VerifyError, match="too-large"):
        check_logged(HEAD, of_release + bytes(MAX_RECEIPT_BYTES), policy)
    strangers = [log_vkey(ORIGIN, Ed25519PrivateKey.generate()), log_vkey("x", site.log_key)]
    for wrong in (trusting(strangers), trusting([])):
        with pytest.raises(LedgerError):
            check_logged(HEAD, of_release, wrong)
    with pytest.raises(VerifyError, match="commitment"):
        check_logged(head(3), _with_body(of_release, head(3)), policy)


def _with_body(receipt: bytes, body: bytes) -> bytes:
    """The proof of one release around the content of another."""
    title, extra, rest = receipt.split(b"\n", 2)
    carried = cbor.decode(base64.b64decode(extra.removeprefix(b"extra ")))
    assert isinstance(carried, list)
    carried[3] = body
    return b"\n".join([title, b"extra " + base64.b64encode(cbor.encode(carried)), rest])


def test_no_changed_byte_is_logged(site: Site, receipts: tuple[bytes, bytes]) -> None:
    policy = trusting([log_vkey(ORIGIN, site.log_key)])

    @settings(max_examples=150, deadline=None)
    @given(st.integers(0, len(receipts[1]) - 1), st.integers(1, 255))
    def changed(at: int, flip: int) -> None:
        data = bytearray(receipts[1])
        data[at] ^= flip
        with pytest.raises((DecodeError, VerifyError, LedgerError)):
            check_logged(HEAD, bytes(data), policy)

    changed()
