"""Sequencer and publisher run beside the worker: no failure of theirs goes by without a word."""

import errno
import threading
from pathlib import Path

import pytest

from fleet_backend.ingest.errors import PublisherError, SequencerError
from fleet_backend.ingest.publishing import PublisherThread
from fleet_backend.ingest.sequencer import Sequencer, SequencerThread
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.keys import generate_log_key, log_vkey
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.writer import LedgerWriter, WriterSettings, create_ledger

ORIGIN = "fleet.example/log"


def test_an_error_that_nobody_expected_ends_the_program_too(desk, tmp_path, monkeypatch) -> None:
    """The disk answers EIO where the ledger looks whether a full tile is there."""
    create_ledger(tmp_path / "ledger", ORIGIN, generate_log_key(tmp_path / "log.key"))
    opened = Sequencer.open(desk.database, tmp_path / "ledger", ORIGIN, tmp_path / "log.key")
    opened.writer.append([b"%d" % number for number in range(255)])

    def broken(path: Path) -> bool:
        raise OSError(errno.EIO, "Input/output error", str(path))

    desk.take(desk.gateway.message([desk.vehicle.sample()]))
    failed = threading.Event()
    thread = SequencerThread(opened, failed=failed.set)
    monkeypatch.setattr(Path, "is_file", broken)
    thread.start(0.05)
    assert failed.wait(30)
    monkeypatch.undo()
    with pytest.raises(SequencerError, match="Input/output error"):
        thread.stop()


def test_a_publisher_that_gets_no_thread_for_a_witness_ends_the_program(
    tmp_path, monkeypatch
) -> None:
    key = generate_log_key(tmp_path / "log.key")
    create_ledger(tmp_path / "ledger", ORIGIN, key)
    witness = Cosigner("witness.example/one", generate_log_key(tmp_path / "w.key")).verifier.vkey
    text = f"log {log_vkey(ORIGIN, key)}\nwitness one {witness} http://127.0.0.1:1\nquorum one\n"
    policy = parse_policy(text.encode())
    settings = WriterSettings(policy=policy)
    start = threading.Thread.start

    def start_few(thread: threading.Thread) -> None:
        if thread.name == "witness":
            raise RuntimeError("can't start new thread")
        start(thread)

    failed = threading.Event()
    with LedgerWriter.open(tmp_path / "ledger", ORIGIN, key, settings) as writer:
        publisher = PublisherThread(writer, policy, 0.05, failed=failed.set)
        monkeypatch.setattr(threading.Thread, "start", start_few)
        publisher.start()
        assert failed.wait(30)
        publisher.stop()
    with pytest.raises(PublisherError, match="new thread"):
        publisher.check()
