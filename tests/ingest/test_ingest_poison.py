"""Messages that the worker cannot handle: the others do not wait for them."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet
from memory_adapter import MemoryAdapter
from sqlalchemy.exc import OperationalError

from fleet_backend.fleet import counters, quarantine, statements
from fleet_backend.fleet.errors import (
    DatabaseError,
    DatabaseRefusedError,
    SchemaVersionError,
    SettingsError,
)
from fleet_backend.ingest import faults, inhand, poison, reasons, transaction
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.errors import IngestError
from fleet_backend.ingest.inhand import NoNote, NoteFile, Suspect
from fleet_backend.ingest.poison import PoisonLimits, Suspicion, digest_of
from fleet_backend.ingest.worker import Worker, WorkerSettings

CULPRIT_TIME = NOW - 77


@pytest.fixture
def fails_on(monkeypatch):
    """The store fails on statements of that time, however they are batched."""
    real = transaction.store

    def arm(error: Exception) -> list[int]:
        sizes: list[int] = []

        def store(connection, accepted, now):
            sizes.append(len(accepted))
            if any(one.time == CULPRIT_TIME for one in accepted):
                raise error
            real(connection, accepted, now)

        monkeypatch.setattr(transaction, "store", store)
        return sizes

    yield arm
    monkeypatch.undo()


def _kept(desk) -> list[quarantine.Message]:
    with desk.database.read() as connection:
        return quarantine.newest(connection, limit=500)


def _counters(desk) -> dict[str, int]:
    with desk.database.read() as connection:
        return counters.values(connection)


@pytest.mark.parametrize("place", [0, 1, 20, 39])
def test_a_message_that_raises_is_set_aside_and_the_others_are_taken(
    desk, fails_on, place: int
) -> None:
    sizes = fails_on(OverflowError("a secret value"))
    messages = [
        desk.gateway.message([desk.vehicle.sample()], time=CULPRIT_TIME if at == place else NOW)
        for at in range(40)
    ]
    desk.take(*messages)
    assert desk.acked() == (set(range(40)) - {place}, set())
    (kept,) = _kept(desk)
    assert (kept.reason, kept.authentic, kept.message) == (reasons.POISON, False, messages[place])
    assert "OverflowError" in kept.detail
    assert "secret" not in kept.detail
    assert len(sizes) < 20, "it is found by halves"
    assert [one.payload for one in desk.adapter.broker.done] == messages
    assert _counters(desk)["ingest_messages_poison"] == 1


def test_a_set_aside_message_is_refused_untried_for_a_while_and_then_tried_again(
    desk, fails_on, monkeypatch
) -> None:
    clock = [NOW]
    monkeypatch.setattr(desk.worker, "_now", lambda: clock[0])
    monkeypatch.setattr(desk.worker._suspicion, "_now", lambda: clock[0])
    sizes = fails_on(ValueError())
    bad = desk.gateway.message([desk.vehicle.sample()], time=CULPRIT_TIME)
    desk.take(bad)
    tried = len(sizes)
    desk.take(bad, desk.gateway.message([desk.vehicle.sample()]))
    assert len(sizes) == tried + 1
    assert desk.acked() == ({1}, set())
    assert _counters(desk)["ingest_messages_poison_again"] == 1
    assert len(_kept(desk)) == 1
    # The program was mended.
    monkeypatch.undo()
    monkeypatch.setattr(desk.worker._suspicion, "_now", lambda: NOW + PoisonLimits().again_s)
    desk.take(bad)
    assert desk.acked() == ({0, 1}, set())
    assert desk.worker._suspicion.suspects == {}


def test_many_that_raise_are_bounded_in_quarantine_and_stop_nobody(desk, fails_on) -> None:
    fails_on(ValueError())
    messages = [
        desk.gateway.message([desk.vehicle.sample()], time=CULPRIT_TIME if at % 2 else NOW)
        for at in range(60)
    ]
    desk.take(*messages)
    assert desk.acked() == (set(range(0, 60, 2)), set())
    assert len(_kept(desk)) == 20
    assert _counters(desk)["ingest_messages_poison_not_kept"] == 10


@pytest.mark.parametrize("fault", [MemoryError(), OperationalError("x", {}, Exception())])
def test_a_fault_of_the_installation_sets_nothing_aside(desk, fails_on, fault) -> None:
    fails_on(fault)
    good, bad = (
        desk.gateway.message([desk.vehicle.sample()], time=time) for time in (NOW, CULPRIT_TIME)
    )
    with pytest.raises((MemoryError, DatabaseRefusedError)):
        desk.take(good, bad)
    assert desk.adapter.sent == []
    assert desk.adapter.broker.done == []
    assert _kept(desk) == []


def test_whose_fault_an_error_is() -> None:
    lost = DatabaseError("lost")
    lost.__cause__ = OperationalError("x", {}, Exception())
    assert faults.is_operational(lost)
    assert not faults.is_operational(DatabaseError("the batch does not fit"))
    assert not faults.is_operational(ValueError())
    newer = SchemaVersionError("newer")
    newer.__cause__ = lost
    assert not faults.is_operational(newer)
    of_messages = (ValueError(), OverflowError(), KeyError(), DatabaseError("does not fit"))
    assert all(map(faults.is_of_a_message, of_messages))
    assert not any(map(faults.is_of_a_message, (newer, lost, MemoryError(), SettingsError())))


# A child that dies on one message, as an interpreter that crashes does.
CHILD = """
import os, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ingest_fleet import NOW
from memory_adapter import MemoryAdapter
from fleet_backend.fleet.database import open_database
from fleet_backend.ingest import transaction
from fleet_backend.ingest.worker import Worker, WorkerSettings

folder = Path(sys.argv[1])
real = transaction.store
def store(connection, accepted, now):
    if any(one.time == {culprit} for one in accepted):
        os._exit(9)
    real(connection, accepted, now)
transaction.store = store
database = open_database(f"sqlite:///{{folder}}/fleet.db")
adapter = MemoryAdapter()
for file in sorted((folder / "queue").iterdir()):
    adapter.put("gw-1", file.read_bytes())
key = Ed25519PrivateKey.generate()
worker = Worker(database, adapter, key, WorkerSettings(notes=folder / "notes"), now=lambda: NOW)
while batch := adapter.receive(200, 0, 0):
    worker.handle(batch)
    for message in adapter.broker.done:
        for file in (folder / "queue").iterdir():
            if file.read_bytes() == message.payload:
                file.unlink()
worker.close()
print("rest")
"""


@pytest.mark.parametrize("count", [90])
def test_a_message_that_kills_the_process_is_set_aside_after_three_deaths(
    tmp_path: Path, count: int
) -> None:
    gateway, vehicle = FakeGateway("gw-1"), FakeVehicle("v-1")
    database = open_fleet(tmp_path, (gateway, [vehicle]))
    bad = random.randrange(count)
    (tmp_path / "queue").mkdir()
    for at in range(count):
        message = gateway.message([vehicle.sample()], time=CULPRIT_TIME if at == bad else NOW)
        (tmp_path / "queue" / f"{at:04}").write_bytes(message)
    here = Path(__file__).parent
    script = CHILD.format(root=str(here.parents[1]), tests=str(here), culprit=CULPRIT_TIME)
    statuses = []
    while 0 not in statuses:
        assert len(statuses) < 9
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
        statuses.append(done.returncode)
    assert statuses == [9, 9, 9, 0]
    assert list((tmp_path / "queue").iterdir()) == []
    with database.read() as connection:
        (kept,) = quarantine.newest(connection)
        assert statements.count(connection)[0] == count - 1
    assert (kept.reason, kept.detail) == (reasons.POISON, "workers died with it in hand")
    database.close()


def _message(number: int, tries: int = 0) -> Message:
    return Message("gw-1", "up/statement", b"%d" % number, number + 1, tries)


def _suspicion(folder: Path, limits: PoisonLimits, now: int = NOW) -> Suspicion:
    return Suspicion(NoteFile(folder), limits, lambda: now)


def test_deaths_narrow_the_circle(tmp_path: Path) -> None:
    limits, batch = PoisonLimits(group=4), [_message(number) for number in range(10)]
    first = _suspicion(tmp_path, limits)
    assert first.sort(batch).parts == [batch]
    first.take_up(batch)
    first.close()
    second = _suspicion(tmp_path, limits)
    fresh = _message(99)
    found = second.sort([*batch, fresh])
    assert found.parts == [[fresh], batch[:4], batch[4:8], batch[8:]]
    for part in found.parts[:2]:
        second.take_up(part)
        second.put_down(part, cleared=True)
    second.take_up(batch[4:8])
    second.close()
    third = _suspicion(tmp_path, limits)
    found = third.sort(batch)
    assert found.parts == [batch[:4], batch[8:], *([one] for one in batch[4:8])]
    third.take_up([batch[5]])
    third.close()
    fourth = _suspicion(tmp_path, limits)
    assert fourth.sort(batch).hopeless == [batch[5]]
    fourth.shut_out(batch[5])
    assert fourth.sort(batch).shut_out == [batch[5]]
    fourth.close()
    later = _suspicion(tmp_path, limits, NOW + limits.again_s)
    assert [batch[5]] in later.sort(batch).parts
    later.close()


def test_an_orderly_end_leaves_no_suspects(tmp_path: Path) -> None:
    batch = [_message(1), _message(2)]
    one = _suspicion(tmp_path, PoisonLimits())
    one.take_up(batch)
    one.put_down(batch, cleared=False)
    one.close()
    other = _suspicion(tmp_path, PoisonLimits())
    assert other.suspects == {}
    other.close()


def test_what_the_broker_delivered_in_vain_is_handled_alone_and_then_set_aside() -> None:
    limits = PoisonLimits(alone_tries=2, most_tries=5)
    batch = [_message(number, tries=number) for number in range(7)]
    found = Suspicion(NoNote(), limits, lambda: NOW).sort(batch)
    assert found.parts == [batch[:2], [batch[2]], [batch[3]], [batch[4]]]
    assert found.hopeless == batch[5:]


def test_each_worker_has_a_note_of_its_own(tmp_path: Path) -> None:
    one, two = NoteFile(tmp_path / "notes"), NoteFile(tmp_path / "notes")
    one.write({}, [digest_of(_message(1))])
    two.write({}, [digest_of(_message(2))])
    one.close()
    three = NoteFile(tmp_path / "notes")
    assert three.read() == ({}, [digest_of(_message(1))])
    assert sorted(path.name for path in (tmp_path / "notes").iterdir()) == [
        "worker-0.note",
        "worker-1.note",
    ]
    for path in (tmp_path / "notes").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    for note in (two, three):
        note.close()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(IngestError, match="cannot keep a note"):
        NoteFile(tmp_path / "file")


DIGEST = st.binary(min_size=16, max_size=16)
SUSPECTS = st.dictionaries(
    DIGEST, st.builds(Suspect, st.integers(0, 255), st.integers(0, 2**32 - 1)), max_size=20
)


@given(SUSPECTS, st.lists(DIGEST, max_size=20), st.binary(max_size=40))
def test_a_note_reads_as_it_was_written_whatever_lies_behind_it(suspects, held, rest) -> None:
    assert inhand.decode(inhand.encode(suspects, held) + rest) == (suspects, held)


@given(SUSPECTS, st.lists(DIGEST, min_size=1, max_size=9), st.data())
def test_a_torn_note_says_nothing(suspects, held, data) -> None:
    whole = inhand.encode(suspects, held)
    assert inhand.decode(whole[: data.draw(st.integers(0, len(whole) - 1))]) == ({}, [])
    at = data.draw(st.integers(len(whole) - 1, len(whole) - 1) | st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[at] ^= data.draw(st.integers(1, 255))
    assert inhand.decode(bytes(changed)) == ({}, [])


@given(st.binary(max_size=200))
def test_nonsense_is_no_note(data: bytes) -> None:
    assert inhand.decode(data) == ({}, [])


def test_a_note_keeps_the_newest_suspects_within_its_bound() -> None:
    many = {os.urandom(16): Suspect(1, number) for number in range(inhand.MOST_SUSPECTS + 50)}
    found, _ = inhand.decode(inhand.encode(many, []))
    assert next(iter(found.values())).until == 50
    assert len(found) == inhand.MOST_SUSPECTS


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), max_size=30),
    st.dictionaries(st.integers(0, 9), st.tuples(st.integers(0, 4), st.booleans()), max_size=8),
)
@settings(max_examples=60)
def test_a_batch_is_sorted_without_loss(drawn, known) -> None:
    class Known(NoNote):
        def read(self):
            return {
                digest_of(_message(number)): Suspect(deaths, NOW + 9 if shut else 0)
                for number, (deaths, shut) in known.items()
            }, []

    batch = [_message(number, tries)._replace(tag=at) for at, (number, tries) in enumerate(drawn)]
    found = Suspicion(Known(), PoisonLimits(group=3), lambda: NOW).sort(batch)
    all_parts = [one for part in found.parts for one in part] + found.hopeless + found.shut_out
    assert sorted(one.tag for one in all_parts) == list(range(len(batch)))
    assert all(found.parts)
    for one in found.shut_out:
        assert known[int(one.payload)][1]
    # The first part may be of any size: it holds nobody who is suspected.
    for part in found.parts[1:]:
        assert len(part) <= 3


def test_the_worker_keeps_its_note(tmp_path: Path) -> None:
    gateway, vehicle = FakeGateway("gw-1"), FakeVehicle("v-1")
    database = open_fleet(tmp_path, (gateway, [vehicle]))
    adapter, key = MemoryAdapter(), Ed25519PrivateKey.generate()
    chosen = WorkerSettings(notes=tmp_path / "notes")
    worker = Worker(database, adapter, key, chosen, now=lambda: NOW)
    seen: list[list[bytes]] = []
    real = database.begin
    database.begin = lambda: (  # type: ignore[method-assign]
        seen.append(inhand.decode((tmp_path / "notes/worker-0.note").read_bytes())[1]) or real()
    )
    adapter.put("gw-1", gateway.message([vehicle.sample()]))
    batch = adapter.receive(9, 0, 0)
    worker.handle(batch)
    assert seen == [[poison.digest_of(batch[0])]]
    assert inhand.decode((tmp_path / "notes/worker-0.note").read_bytes()) == ({}, [])
    worker.close()
    database.close()
