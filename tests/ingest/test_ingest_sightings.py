"""Sightings of logs: whose they are, what is kept of them, and what is asked by them."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_fleet import NOW, FakeGateway, open_fleet
from memory_adapter import MemoryAdapter
from sighting_desk import ORIGIN, proof, seen, signed

from fleet_backend.fleet import counters, events, quarantine, sightings
from fleet_backend.fleet.errors import ExistsError
from fleet_backend.ingest import reasons
from fleet_backend.ingest.limits import QuarantineLimits, SightingLimits
from fleet_backend.ingest.sightings import Asked
from fleet_backend.ingest.worker import Worker, WorkerSettings
from protocol import cbor, courier, sighting, statement

OTHER = "other.example/log"


class Desk:
    """A worker with two gateways, and what it was asked."""

    def __init__(self, folder: Path, **limits: float) -> None:
        self.gateways = [FakeGateway("gw-1"), FakeGateway("gw-2")]
        self.database = open_fleet(folder, *((one, []) for one in self.gateways))
        self.adapter = MemoryAdapter()
        self.asked: list[Asked] = []
        values = {"burst": 10_000, "per_s": 0.0, **limits}
        made = WorkerSettings(
            quarantine=QuarantineLimits(burst=300, per_s=0.0, forged_kept=10),
            sightings=SightingLimits(**values),  # type: ignore[arg-type]
        )
        self.worker = Worker(
            self.database, self.adapter, Ed25519PrivateKey.generate(), made,
            now=lambda: NOW, asked=self._ask,
        )  # fmt: skip

    def _ask(self, asked: Sequence[Asked]) -> None:
        self.asked += asked

    def take(self, *payloads: bytes, gateway: str = "gw-1") -> None:
        for payload in payloads:
            self.adapter.put(gateway, payload, courier.UP_SIGHTING)
        self.worker.handle(self.adapter.receive(100_000, 0, 0))

    def tell(
        self, held: bytes, refused: bytes = b"", path: list[bytes] | None = None, at: int = NOW,
        number: int = 0, origin: str = ORIGIN,
    ) -> bytes:  # fmt: skip
        one = self.gateways[number]
        payload = seen(one.name, one.key, held, refused, path, time=at, origin=origin)
        self.take(payload, gateway=one.name)
        return payload

    def kept(self) -> list[sightings.SeenRow]:
        with self.database.read() as connection:
            return sightings.page(connection)[0]

    def disagreements(self) -> list[sightings.DisagreementRow]:
        with self.database.read() as connection:
            return list(sightings.disagreements_page(connection))

    def refused(self) -> list[tuple[str, bool]]:
        with self.database.read() as connection:
            return [(one.reason, one.authentic) for one in quarantine.newest(connection)]

    def counted(self, name: str) -> int:
        with self.database.read() as connection:
            return counters.values(connection).get(name, 0)


@pytest.fixture
def desk(tmp_path: Path):
    made = Desk(tmp_path)
    yield made
    made.database.close()


def test_the_newest_sighting_is_kept_whole_with_what_verifies_it(desk: Desk) -> None:
    desk.tell(signed(3).note)
    payload = desk.tell(signed(7).note, at=NOW + 1)
    (row,) = desk.kept()
    assert (row.gateway, row.origin, row.size, row.time) == ("gw-1", ORIGIN, 7, NOW + 1)
    assert (row.note, row.sighting, row.server_time) == (signed(7).note, payload, NOW)
    found = sighting.open_sighting(row.sighting, desk.gateways[0].verify)
    assert found.held == row.note
    assert desk.asked == [Asked("gw-1", ORIGIN, 3), Asked("gw-1", ORIGIN, 7)]


def test_a_gateway_that_holds_nothing_asks_and_is_not_kept(desk: Desk) -> None:
    desk.tell(b"")
    assert desk.asked == [Asked("gw-1", ORIGIN, 0)] and desk.kept() == []


def test_one_that_was_held_back_does_not_hide_a_newer_one(desk: Desk) -> None:
    desk.tell(signed(9).note, at=NOW)
    desk.tell(signed(7).note, at=NOW + 5)
    desk.tell(signed(9).note, at=NOW - 5)
    (row,) = desk.kept()
    assert (row.size, row.time) == (9, NOW)
    assert desk.counted("ingest_sightings_older") == 2
    # It is answered all the same: who lost its memory has to find its way back.
    assert [one.size for one in desk.asked] == [9, 7, 9]


def test_two_gateways_and_two_logs_are_kept_apart(desk: Desk) -> None:
    other = signed(4, origin=OTHER).note
    desk.tell(signed(3).note)
    desk.tell(signed(5, "fork").note, number=1)
    desk.tell(other, origin=OTHER)
    assert [(one.gateway, one.origin, one.size) for one in desk.kept()] == [
        ("gw-1", ORIGIN, 3),
        ("gw-1", OTHER, 4),
        ("gw-2", ORIGIN, 5),
    ]


@pytest.mark.parametrize("size", [5, 8, 12], ids=["roll-back", "fork", "not-continued"])
def test_a_disagreement_is_kept_for_ever_and_once(desk: Desk, size: int) -> None:
    path = proof(8, 12, "fork") if size == 12 else []
    payload = desk.tell(signed(8).note, signed(size, "fork").note, path)
    desk.tell(signed(8).note, signed(size, "fork").note, path, at=NOW + 9)
    desk.tell(signed(20).note)
    (row,) = desk.disagreements()
    assert (row.held, row.refused) == (signed(8).note, signed(size, "fork").note)
    assert (row.sighting, row.time) == (payload, NOW)
    assert desk.counted("ingest_disagreements") == 1
    assert desk.asked == [Asked("gw-1", ORIGIN, 20)]
    desk.tell(signed(8).note, signed(size, "fork").note, path, number=1)
    assert len(desk.disagreements()) == 2


@pytest.mark.parametrize(
    ("held", "refused", "path"),
    [
        (signed(8), signed(8), []),
        (signed(8), signed(8), [bytes(32)]),
        (signed(8), signed(12), proof(8, 12)),
        (signed(0), signed(12, "fork"), []),
    ],
    ids=["same", "same-with-a-proof", "continued", "from-nothing"],
)
def test_what_is_no_disagreement_is_refused(desk: Desk, held, refused, path) -> None:
    desk.tell(held.note, refused.note, path)
    assert desk.disagreements() == []
    assert desk.refused() == [(reasons.SIGHTING, True)]


def test_the_gateways_own_key_and_topic_count_and_no_others(desk: Desk) -> None:
    note, first, second = signed(3).note, *desk.gateways
    desk.take(seen("gw-1", second.key, note, time=NOW))
    assert desk.refused()[0] == (reasons.SIGHTING_SIGNATURE, False)
    desk.take(seen("gw-1", first.key, note, time=NOW), gateway="gw-2")
    assert desk.refused()[0] == (reasons.SIGHTING_SIGNATURE, False)
    # Signed by the key of this topic, in the name of the other.
    desk.take(seen("gw-1", second.key, note, time=NOW), gateway="gw-2")
    assert desk.refused()[0] == (reasons.WRONG_GATEWAY, False)
    desk.take(seen("gw-9", first.key, note, time=NOW), gateway="gw-9")
    assert desk.refused()[0] == (reasons.UNKNOWN_GATEWAY, False)
    # A signature of the same key over another kind of document.
    desk.take(first.message(kind=statement.GATEWAY, body=cbor.encode({0: 1, 1: "x"})))
    assert desk.refused()[0] == (reasons.SIGHTING, False)
    assert desk.kept() == [] and desk.asked == []


@pytest.mark.parametrize(
    "note",
    [b"no note", signed(3).note[:-1], signed(3, origin=OTHER).note, signed(3).note + b"x\n"],
    ids=["no-note", "cut", "other-log", "longer"],
)
def test_a_note_that_is_none_of_this_log_is_refused_as_the_gateways(
    desk: Desk, note: bytes
) -> None:
    desk.tell(note)
    desk.tell(signed(3).note, note)
    assert set(desk.refused()) == {(reasons.SIGHTING, True)}
    assert desk.kept() == [] and desk.disagreements() == [] and desk.asked == []


def test_statements_beside_sightings_are_acknowledged(desk: Desk) -> None:
    gateway = desk.gateways[0]
    desk.adapter.put("gw-1", gateway.message(kind=2, body=cbor.encode({0: 1, 1: "started"})))
    desk.adapter.put("gw-1", b"nonsense", courier.UP_SIGHTING)
    desk.take(seen("gw-1", gateway.key, signed(2).note, time=NOW))
    assert [name for _, name, _ in desk.adapter.sent] == [courier.DOWN_ACK]
    assert len(desk.kept()) == 1


def test_more_than_the_pace_is_counted_and_costs_others_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, burst=3)
    for size in range(1, 10):
        desk.tell(signed(size).note)
    desk.tell(signed(4).note, number=1)
    assert [one.size for one in desk.kept()] == [3, 4]
    assert desk.counted("ingest_sightings_too_fast") == 6 and desk.refused() == []
    desk.database.close()


def test_what_one_gateway_may_keep_is_bounded(tmp_path: Path) -> None:
    desk = Desk(tmp_path, logs=2, disagreements=3)
    for number in range(4):
        origin = f"log-{number}.example"
        desk.tell(signed(2, origin=origin).note, origin=origin)
    for size in range(1, 6):
        desk.tell(signed(9).note, signed(size).note)
    desk.tell(signed(9).note, signed(2).note, number=1)
    assert {one.origin for one in desk.kept()} == {"log-0.example", "log-1.example"}
    assert desk.counted("ingest_sightings_not_kept") == 2
    # A log that is kept goes on.
    desk.tell(signed(5, origin="log-1.example").note, origin="log-1.example")
    assert [one.size for one in desk.kept()] == [2, 5]
    assert [one.gateway for one in desk.disagreements()] == ["gw-2", "gw-1", "gw-1", "gw-1"]
    assert desk.counted("ingest_disagreements_not_kept") == 2
    desk.database.close()


def test_nothing_is_asked_before_the_commit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that could not be stored is judged again from the beginning."""
    tries: list[int] = []
    real = sightings.put

    def put(connection, row, now):
        tries.append(len(desk.asked))
        if len(tries) == 1:
            raise ExistsError("another worker was first")
        return real(connection, row, now)

    monkeypatch.setattr("fleet_backend.ingest.sightings.sightings.put", put)
    desk.tell(signed(3).note)
    assert tries == [0, 0] and desk.asked == [Asked("gw-1", ORIGIN, 3)]
    assert len(desk.kept()) == 1 and desk.counted("ingest_sightings") == 1


def test_a_disagreement_in_the_chain_is_shown_to_the_operator(desk: Desk) -> None:
    body = cbor.encode({0: statement.LOG_DISAGREES, 1: "log rolled back: ..."})
    desk.adapter.put("gw-1", desk.gateways[0].message(kind=statement.GATEWAY, body=body))
    desk.worker.handle(desk.adapter.receive(10, 0, 0))
    with desk.database.read() as connection:
        (told,) = [one for one in events.since(connection, 0) if one.topic == events.REFUSAL]
    assert (told.subject, told.data["text"]) == ("gw-1", "log rolled back: ...")


def test_ten_thousand_nonsense_messages_keep_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, burst=10_001)
    rng = random.Random(3)
    good = seen("gw-1", desk.gateways[0].key, signed(3).note, time=NOW)
    bad = []
    for number in range(10_000):
        junk = bytearray(good)
        junk[rng.randrange(len(junk))] ^= 1 << rng.randrange(8)
        bad.append(rng.randbytes(rng.randrange(90)) if number % 2 else bytes(junk))
    for start in range(0, len(bad), 1_000):
        desk.take(*bad[start : start + 1_000])
    assert desk.kept() == [] and desk.asked == []
    desk.take(good)
    assert len(desk.kept()) == 1
    desk.database.close()


notes = st.sampled_from([b"", signed(2).note, signed(5).note, signed(5, "fork").note])
notes |= st.binary(max_size=60)
paths = st.lists(st.binary(min_size=32, max_size=32), max_size=3)


@settings(deadline=None, max_examples=20)
@given(told=st.lists(st.tuples(notes, notes, paths), max_size=12))
def test_any_signed_content_is_kept_or_refused(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[bytes, bytes, list[bytes]]]
) -> None:
    """A gateway that was broken into may sign whatever it likes."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    for held, refused, path in told:
        before = len(desk.asked) + desk.counted("ingest_messages_refused")
        before += desk.counted("ingest_sightings")
        desk.tell(held, refused, path)
        after = len(desk.asked) + desk.counted("ingest_messages_refused")
        assert after + desk.counted("ingest_sightings") > before
    for row in desk.kept():
        assert row.note in {signed(2).note, signed(5).note, signed(5, "fork").note}
    for found in desk.disagreements():
        assert found.held != found.refused
    desk.database.close()
