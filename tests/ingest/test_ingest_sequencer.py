"""Every stored statement is in the ledger exactly once, also after a crash between the two."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from ingest_fleet import FakeVehicle

from fleet_backend.fleet import receipts, statements
from fleet_backend.fleet.errors import (
    DatabaseLostError,
    ErasedError,
    NotLoggedError,
    UnknownError,
)
from fleet_backend.ingest import sequencer as sequencer_module
from fleet_backend.ingest.errors import LedgerMismatchError, PublisherError, SequencerError
from fleet_backend.ingest.publishing import PublisherThread, read_policy
from fleet_backend.ingest.sequencer import Sequencer, SequencerThread
from fleet_backend.ledger.cose import parse_sign1
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.errors import ConfigError
from fleet_backend.ledger.keys import generate_log_key, load_log_key, log_signer, log_vkey
from fleet_backend.ledger.note import add_signatures
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.ledger.proof import verify_proof
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import LedgerWriter, WriterSettings, create_ledger
from protocol import cbor, record, statement
from trifleet.commands.ledger.verify import as_dict, receipt_lines, show
from trifleet.receipt import UNREADABLE, open_receipt

ORIGIN = "fleet.example/log"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    create_ledger(tmp_path / "ledger", ORIGIN, generate_log_key(tmp_path / "log.key"))
    yield tmp_path / "ledger"


def _open(desk, folder: Path) -> Sequencer:
    return Sequencer.open(desk.database, folder, ORIGIN, folder.parent / "log.key")


def _reader(folder: Path) -> LedgerReader:
    key = load_log_key(folder.parent / "log.key")
    return LedgerReader(FolderFetch(folder / "public"), log_signer(ORIGIN, key).verifier)


def _fill(desk, count: int) -> None:
    desk.take(*(desk.gateway.message([desk.vehicle.sample()]) for _ in range(count)))


def _assert_exactly_once(desk, folder: Path, count: int) -> None:
    reader = _reader(folder)
    assert reader.checkpoint.size == count
    with desk.database.read() as connection:
        assert statements.count(connection) == (count, count)
        for leaf, entry in enumerate(reader.entries(0, count)):
            assert statements.by_leaf(connection, leaf).statement == entry


def test_the_signed_root_goes_with_the_checkpoint(desk, folder: Path) -> None:
    sequencer = _open(desk, folder)
    for count in (1, 2):
        _fill(desk, count)
        sequencer.step()
        root = parse_sign1((folder / "public/checkpoint.cose").read_bytes())
        assert root.size == _reader(folder).checkpoint.size
    (folder / "public/checkpoint.cose").unlink()
    sequencer.close()
    _open(desk, folder).close()
    assert (folder / "public/checkpoint.cose").is_file()


def test_a_cose_receipt_waits_for_a_second_entry(desk, folder: Path) -> None:
    sequencer = _open(desk, folder)
    reader = _reader(folder)
    log = log_signer(ORIGIN, load_log_key(folder.parent / "log.key")).verifier

    def build(leaf: int) -> bytes:
        root = (folder / "public/checkpoint.cose").read_bytes()
        with desk.database.read() as connection:
            return receipts.build_cose(connection, leaf, reader, [log], root)

    _fill(desk, 1)
    sequencer.step()
    with pytest.raises(NotLoggedError, match="another entry"):
        build(0)
    _fill(desk, 1)
    sequencer.step()
    policy = parse_policy(f"log {log.vkey}\nquorum none\n".encode())
    assert [open_receipt(build(leaf), policy).index for leaf in (0, 1)] == [0, 1]
    with pytest.raises(UnknownError):
        build(2)
    sequencer.close()


def test_statements_get_their_places_in_order(desk, folder: Path) -> None:
    sequencer = _open(desk, folder)
    assert sequencer.step() == 0
    _fill(desk, 3)
    assert sequencer.step() == 3
    _fill(desk, 2)
    assert sequencer.step() == 2
    sequencer.close()
    _assert_exactly_once(desk, folder, 5)


@pytest.mark.parametrize("logged", [1, 3, 300])
def test_a_crash_between_ledger_and_database_is_healed(desk, folder: Path, logged: int) -> None:
    _fill(desk, logged + 2)
    key = load_log_key(folder.parent / "log.key")
    with desk.database.read() as connection:
        waiting = statements.unlogged(connection, logged)
    with LedgerWriter.open(folder, ORIGIN, key) as writer:
        writer.append([one.statement for one in waiting])
    sequencer = _open(desk, folder)
    with desk.database.read() as connection:
        assert statements.count(connection) == (logged + 2, logged)
    assert sequencer.step() == 2
    sequencer.close()
    _assert_exactly_once(desk, folder, logged + 2)


def test_a_foreign_entry_in_the_ledger_is_refused(desk, folder: Path) -> None:
    key = load_log_key(folder.parent / "log.key")
    with LedgerWriter.open(folder, ORIGIN, key) as writer:
        writer.append([b"a statement that no database knows"])
    with pytest.raises(LedgerMismatchError, match="entry 0"):
        _open(desk, folder)
    # The refusal gave the ledger free again.
    LedgerWriter.open(folder, ORIGIN, key).close()


def test_a_ledger_older_than_the_database_is_refused(desk, folder: Path) -> None:
    _fill(desk, 1)
    with desk.database.begin() as connection:
        statements.assign_leaves(connection, [(1, 0)])
    with pytest.raises(LedgerMismatchError, match="knows 1 entries"):
        _open(desk, folder)


def test_the_thread_logs_what_is_there_before_it_ends(desk, folder: Path) -> None:
    thread = SequencerThread(_open(desk, folder), failed=lambda: None)
    thread.start(0.05)
    _fill(desk, 4)
    thread.wake()
    thread.stop()
    _assert_exactly_once(desk, folder, 4)


def test_what_comes_close_together_is_logged_in_few_steps(desk, folder: Path, monkeypatch) -> None:
    """Each of ten statements wakes the thread; a step costs the same for one as for all."""
    monkeypatch.setattr("fleet_backend.ingest.sequencer.GATHER_S", 30.0)
    opened, taken = _open(desk, folder), []
    step = opened.step

    def counted() -> int:
        taken.append(step())
        return taken[-1]

    monkeypatch.setattr(opened, "step", counted)
    thread = SequencerThread(opened, failed=lambda: None)
    thread.start(0.01)
    while not taken:
        time.sleep(0.001)
    for _ in range(10):
        _fill(desk, 1)
        thread.wake()
    thread.stop()
    assert taken == [0, 10]
    _assert_exactly_once(desk, folder, 10)


class _Away:
    """A database that is lost at every `turns`-th call, before or after it was done."""

    def __init__(self, database, turns: int) -> None:
        self._database = database
        self._turns = turns
        self._calls = 0
        self.lost = 0

    def __getattr__(self, name: str):
        return getattr(self._database, name)

    def read(self):
        self._lose()
        return self._database.read()

    @contextmanager
    def begin(self):
        with self._database.begin() as connection:
            yield connection
        self._lose()

    def _lose(self) -> None:
        self._calls += 1
        if self._calls % self._turns == 0:
            self.lost += 1
            raise DatabaseLostError("the database is not there now")


@pytest.mark.parametrize("turns", [3, 5])
def test_a_database_that_is_away_is_waited_for(desk, folder: Path, monkeypatch, turns: int) -> None:
    """Whatever of a step was done when it went."""
    monkeypatch.setattr("fleet_backend.ingest.sequencer.MAX_BATCH", 3)
    monkeypatch.setattr("fleet_backend.ingest.sequencer.MOST_S", 0.02)
    opened = _open(desk, folder)
    away = _Away(desk.database, turns)
    monkeypatch.setattr(opened, "_database", away)
    thread = SequencerThread(opened, failed=lambda: None)
    _fill(desk, 20)
    thread.start(0.05)
    end = time.monotonic() + 60
    while _reader(folder).update().size < 20 and time.monotonic() < end:
        thread.check()
        time.sleep(0.02)
    monkeypatch.setattr(opened, "_database", desk.database)
    thread.stop()
    assert away.lost > 2
    _assert_exactly_once(desk, folder, 20)


def test_a_database_that_is_lost_at_the_commit_leaves_nothing_twice(
    desk, folder: Path, monkeypatch
) -> None:
    """The entries are in the ledger, their places are not in the database: the next step heals."""
    opened = _open(desk, folder)
    _fill(desk, 5)
    real = sequencer_module._assign

    def lost(database, places) -> None:
        monkeypatch.setattr(sequencer_module, "_assign", real)
        raise DatabaseLostError("the database is not there now")

    monkeypatch.setattr(sequencer_module, "_assign", lost)
    thread = SequencerThread(opened, failed=lambda: None)
    thread.start(0.01)
    _fill(desk, 4)
    thread.stop()
    assert sequencer_module._assign is real
    _assert_exactly_once(desk, folder, 9)


def test_a_failure_of_the_thread_is_told(desk, folder: Path) -> None:
    told: list[bool] = []
    sequencer = _open(desk, folder)
    sequencer.close()
    _fill(desk, 1)
    thread = SequencerThread(sequencer, failed=lambda: told.append(True))
    thread.start(0.05)
    with pytest.raises(SequencerError, match="stopped"):
        thread.stop()
    assert told == [True]


def test_a_receipt_verifies_offline(desk, folder: Path) -> None:
    _fill(desk, 3)
    sequencer = _open(desk, folder)
    reader = _reader(folder)
    with desk.database.read() as connection:
        row = statements.by_id(connection, 2)
        with pytest.raises(NotLoggedError):
            statements.leaf_index(connection, row.hash)
        with pytest.raises(UnknownError):
            receipts.build(connection, 1, reader)
    sequencer.step()
    sequencer.close()
    with desk.database.read() as connection:
        text = receipts.build(connection, 1, reader)
    vkey = log_vkey(ORIGIN, load_log_key(folder.parent / "log.key"))
    policy = parse_policy(f"log {vkey}\nquorum none\n".encode())
    proof = verify_proof(text, row.statement, policy)
    version, sign1, salt, body, key = cbor.decode(proof.extra)  # type: ignore[misc]
    assert (version, sign1, proof.index) == (1, row.statement, 1)
    opened = statement.open_statement(sign1, desk.gateway.verify)
    statement.check_body(opened, salt, body)
    assert key == desk.gateway.key.public_key().public_bytes_raw()


def test_a_receipt_with_records_that_were_set_aside_opens_and_names_them(
    desk, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = FakeVehicle("v-1").seal(record.LOST, {0: 7})
    bodies = [[desk.vehicle.sample(), b"no record", forged, b""], [b"\xff" * 90]]
    desk.take(*(desk.gateway.message(one) for one in bodies))
    sequencer = _open(desk, folder)
    assert sequencer.step() == 2
    sequencer.close()
    vkey = log_vkey(ORIGIN, load_log_key(folder.parent / "log.key"))
    policy = parse_policy(f"log {vkey}\nquorum none\n".encode())
    kinds = []
    for leaf in range(2):
        with desk.database.read() as connection:
            text = receipts.build(connection, leaf, _reader(folder))
        opened = open_receipt(text.encode(), policy)
        answer = as_dict(opened) | {"quorum": "none", "cosigned": [], "not_cosigned": []}
        json.dumps(answer)
        show(answer, receipt_lines(answer))
        kinds.append([item["kind"] for item in answer["records"]])
        for position, item in enumerate(answer["records"]):
            if item["kind"] == UNREADABLE:
                digest = sha256(bodies[leaf][position]).hexdigest()
                assert item["body"]["position"] == position
                assert (item["body"]["sha256"], item["vehicle"]) == (digest, None)
    assert kinds == [["TELEMETRY", UNREADABLE, "LOST", UNREADABLE], [UNREADABLE]]
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("  UNREADABLE: position ") for line in lines) == 3


def test_an_erased_body_has_no_receipt_and_keeps_its_place(desk, folder: Path) -> None:
    _fill(desk, 1)
    sequencer = _open(desk, folder)
    sequencer.step()
    sequencer.close()
    with desk.database.begin() as connection:
        statements.erase_body(connection, 1)
        assert statements.by_leaf(connection, 0).leaf_index == 0
        with pytest.raises(ErasedError):
            receipts.build(connection, 0, _reader(folder))


def _policy(folder: Path, url: str) -> Policy:
    """The folder's log, and one witness at `url`."""
    key = load_log_key(folder.parent / "log.key")
    witness = Cosigner("witness.example/ingest", key).verifier.vkey
    text = f"log {log_vkey(ORIGIN, key)}\nwitness one {witness} {url}\nquorum one\n"
    return parse_policy(text.encode())


def test_what_waits_for_its_witness_is_logged_and_healed(desk, folder: Path) -> None:
    """The published checkpoint stays at nothing; places are given from what was signed."""
    policy = _policy(folder, "http://127.0.0.1:1")
    key_file = folder.parent / "log.key"
    _fill(desk, 3)
    with desk.database.read() as connection:
        waiting = statements.unlogged(connection, 2)
    settings = WriterSettings(policy=policy)
    with LedgerWriter.open(folder, ORIGIN, load_log_key(key_file), settings) as writer:
        writer.append([one.statement for one in waiting])
    sequencer = Sequencer.open(desk.database, folder, ORIGIN, key_file, policy)
    publisher = PublisherThread(sequencer.writer, policy, 0.05, failed=lambda: None)
    publisher.start()
    with desk.database.read() as connection:
        assert statements.count(connection) == (3, 2)
    assert sequencer.step() == 1
    publisher.stop()
    publisher.check()
    assert (_reader(folder).checkpoint.size, sequencer.writer.size) == (0, 3)
    sequencer.close()
    with desk.database.read() as connection:
        for leaf, entry in enumerate(sequencer.writer.reader().entries(0, 3)):
            assert statements.by_leaf(connection, leaf).statement == entry


def test_a_failure_of_the_publisher_is_told(desk, folder: Path) -> None:
    policy = _policy(folder, "http://127.0.0.1:1")
    told: list[bool] = []
    sequencer = Sequencer.open(desk.database, folder, ORIGIN, folder.parent / "log.key", policy)
    publisher = PublisherThread(sequencer.writer, policy, 0.05, failed=lambda: told.append(True))
    newest = sequencer.writer.checkpoint
    key = load_log_key(folder.parent / "log.key")
    line = Cosigner("witness.example/ingest", key).cosign(newest.text, 1)
    # A witness that is asked when the writer is closed already.
    publisher._publisher._quorum.cosign = lambda *_: add_signatures(newest.note, [line])
    sequencer.close()
    publisher.start()
    publisher.stop()
    assert told == [True]
    with pytest.raises(PublisherError, match="closed"):
        publisher.check()


def test_without_witnesses_there_is_no_publisher(desk, folder: Path) -> None:
    key_file = folder.parent / "log.key"
    text = f"log {log_vkey(ORIGIN, load_log_key(key_file))}\nquorum none\n"
    policy = folder / "policy.txt"
    policy.write_text(text)
    with pytest.raises(ConfigError, match="cannot read"):
        read_policy(folder / "absent")
    assert read_policy(None) is None
    found = read_policy(policy)
    sequencer = Sequencer.open(desk.database, folder, ORIGIN, [key_file], found)
    publisher = PublisherThread(sequencer.writer, found, 0.05, failed=lambda: None)
    publisher.start()
    _fill(desk, 2)
    sequencer.step()
    publisher.stop()
    sequencer.close()
    _assert_exactly_once(desk, folder, 2)
