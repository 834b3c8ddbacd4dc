"""Who may say what: releases and work orders are a notary's word, records a gateway's."""

import hashlib
import zlib
from pathlib import Path

import pytest
from ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet
from memory_adapter import MemoryAdapter

from fleet_backend.fleet import gateways, keys, statements, workorders
from fleet_backend.fleet.errors import ValueRefusedError
from fleet_backend.fleet.retention import RetentionSettings
from fleet_backend.ingest import acceptance, reasons
from fleet_backend.ingest.verdicts import Accepted, Refused
from fleet_backend.ingest.worker import Worker, WorkerSettings
from protocol import cbor, release, statement, workorder
from tests.ingest.test_ingest_acceptance import view_of

FILES = release.encode_files([("main.py", 2, bytes(32))])
MANIFEST = release.Manifest(
    "virtual", "1.0", 2, 1, release.FOLDERS, 2, bytes(32), hashlib.sha256(FILES).digest()
)
HEAD = release.encode_head(release.encode_manifest(MANIFEST), [], FILES)
DIGEST = bytes(range(32))
ORDER = workorder.WorkOrder(
    "A. Mechanic", "v-9", "virtual", b"\x01\x02", NOW - 60, NOW, "v1.29", DIGEST, [("a.py", DIGEST)]
)


def judge(kind: int, body: bytes, makes: tuple[int, ...]) -> Accepted | Refused:
    sender = FakeGateway("n-1")
    view = view_of(sender)
    view.gateways["n-1"] = view.gateways["n-1"]._replace(makes=makes)
    verdict = acceptance.judge(sender.message(kind=kind, body=body), "n-1", view, NOW)
    assert isinstance(verdict, (Accepted, Refused))
    return verdict


@pytest.mark.parametrize("kind", [statement.RELEASE, statement.WORK_ORDER, statement.GRANT])
def test_a_gateway_says_nothing_of_releases_and_work(kind: int) -> None:
    body = workorder.encode(ORDER) if kind == statement.WORK_ORDER else HEAD
    found = judge(kind, body, statement.GATEWAYS_MAKE)
    assert isinstance(found, Refused)
    assert (found.reason, found.authentic) == (reasons.KIND, True)


def test_a_notary_says_nothing_of_vehicles() -> None:
    found = judge(statement.RECORDS, cbor.encode([b"record"]), statement.NOTARIES_MAKE)
    assert isinstance(found, Refused) and found.reason == reasons.KIND
    sender = FakeGateway("n-1")
    sign1 = statement.decode_message(sender.message([b"record"]))[0]
    view = view_of(sender)
    view.gateways["n-1"] = view.gateways["n-1"]._replace(makes=statement.NOTARIES_MAKE)
    without = statement.encode_release(sign1, sender.key.sign)
    released = acceptance.judge(without, "n-1", view, NOW)
    assert isinstance(released, Refused) and released.reason == reasons.KIND


@pytest.mark.parametrize(
    "body",
    [
        b"",
        HEAD[:-1],
        HEAD + b"\0",
        b"TFR2" + HEAD[4:],
        b"TFR1\0\0\0\1\x80",
        b"TFR1\0\0\0\3\x82\x01\x80",
        b"TFR1" + (16 * 1024).to_bytes(4, "big") + bytes(16 * 1024),
        workorder.encode(ORDER),
    ],
)
def test_a_release_that_is_no_head_is_refused(body: bytes) -> None:
    found = judge(statement.RELEASE, body, statement.NOTARIES_MAKE)
    assert isinstance(found, Refused)
    assert (found.reason, found.authentic) == (reasons.BODY, True)
    assert isinstance(judge(statement.RELEASE, HEAD, statement.NOTARIES_MAKE), Accepted)


def test_a_work_order_that_cannot_be_read_is_refused() -> None:
    found = judge(statement.WORK_ORDER, workorder.encode(ORDER)[:-1], statement.NOTARIES_MAKE)
    assert isinstance(found, Refused) and found.reason == reasons.BODY


def test_work_orders_are_found_by_vehicle_and_their_names_go_with_the_bodies(
    tmp_path: Path,
) -> None:
    notary, other = FakeGateway("workshop-1"), FakeGateway("gw-1")
    database = open_fleet(tmp_path, (other, [FakeVehicle("v-1")]))
    with database.begin() as connection:
        public = keys.public_bytes(notary.key)
        gateways.register(connection, notary.name, public, gateways.NOTARY, NOW)
    adapter = MemoryAdapter()
    worker = Worker(database, adapter, FakeGateway("x").key, WorkerSettings(), now=lambda: NOW)
    try:
        for body in (ORDER, ORDER):
            message = notary.message(kind=statement.WORK_ORDER, body=workorder.encode(body))
            adapter.put(notary.name, message)
        worker.handle(adapter.receive(10, 0, 0))
        with database.begin() as connection:
            newest, oldest = workorders.of_vehicle(connection, "v-9", None, 5)
            assert (newest.seq, oldest.seq, newest.notary) == (1, 0, "workshop-1")
            assert newest.order is not None and newest.order.mechanic == "A. Mechanic"
            rest = workorders.of_vehicle(connection, "v-9", newest.id, 5)
            assert [one.id for one in rest] == [oldest.id]
            assert workorders.of_vehicle(connection, "v-1", None, 5) == []
            statements.erase_body(connection, newest.id)
            gone = workorders.of_vehicle(connection, "v-9", None, 1)[0]
            assert gone.order is None and gone.release == DIGEST and gone.ended == NOW
    finally:
        worker.close()
        database.close()
    raw = (tmp_path / "fleet.db").read_bytes()
    assert zlib.compress(workorder.encode(ORDER))[:20] in raw  # of the one that was not erased
    assert b"A. Mechanic" not in raw
    assert "work orders" not in vars(RetentionSettings())


def test_a_notary_has_no_vehicle_and_can_be_revoked(tmp_path: Path) -> None:
    database = open_fleet(tmp_path, (FakeGateway("gw-1"), []))
    try:
        with database.begin() as connection:
            gateways.register(connection, "n-1", bytes([1] * 32), gateways.NOTARY, NOW)
            assert gateways.revoke(connection, "n-1", NOW)
            assert gateways.revoked(connection) == {"n-1"}
            with pytest.raises(ValueRefusedError):
                gateways.register(connection, "n-2", bytes([2] * 32), "workshop", NOW)
    finally:
        database.close()
