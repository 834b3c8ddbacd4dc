"""The memory of the logs: durable, never overwritten, within bounds."""

import multiprocessing
import os
import signal
import sqlite3
import stat
import time
from pathlib import Path

import pytest
from log_stand import ORIGIN, MemoryLog, size_of

from edge_gateway.checkpoints import MAX_KEPT, Checkpoints, Disagreement, Kind
from edge_gateway.errors import CheckpointsError

LOG = MemoryLog().grow(*(b"%d" % number for number in range(50)))


def found(number: int, kind: Kind = Kind.NOT_CONTINUED, origin: str = ORIGIN) -> Disagreement:
    proof = (bytes([number]) * 32,)
    return Disagreement(kind, origin, LOG.signed(9).note, b"note %d" % number, proof)


def test_what_is_held_is_what_was_accepted_last(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "checkpoints.db")
    assert store.held(ORIGIN) is None
    for size in (3, 7):
        store.accept(ORIGIN, LOG.signed(size).note)
    store.accept("other.example/log", MemoryLog("other.example/log").signed().note)
    store.close()
    held = Checkpoints(tmp_path / "checkpoints.db").held(ORIGIN)
    assert held is not None
    assert held[0] == LOG.signed(7).note
    assert (held[1].origin, held[1].size, held[1].root) == (ORIGIN, 7, LOG.signed(7).root)


def test_a_disagreement_is_kept_once_and_stays(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "checkpoints.db")
    first = store.keep(found(1))
    assert first is not None
    # The same checkpoint again, after others were accepted, is the same disagreement.
    later = Disagreement(Kind.NOT_CONTINUED, ORIGIN, LOG.signed(20).note, b"note 1")
    assert store.keep(later) is None
    store.accept(ORIGIN, LOG.signed(30).note)
    store.close()
    again = Checkpoints(tmp_path / "checkpoints.db")
    assert list(again.numbers(ORIGIN)) == [first]
    assert again.disagreement(first) == found(1)


def test_a_flood_of_one_kind_leaves_room_for_the_others(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "checkpoints.db")
    kept = [store.keep(found(number)) for number in range(MAX_KEPT + 5)]
    assert None not in kept[:MAX_KEPT] and kept[MAX_KEPT:] == [None] * 5
    assert store.keep(found(1, Kind.FORKED)) is not None
    assert store.keep(found(1, origin="other.example/log")) is not None
    assert [store.disagreement(n).refused for n in store.numbers(ORIGIN)][:2] == [
        b"note 0",
        b"note 1",
    ]


def test_the_file_is_its_owners(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "checkpoints.db")
    assert stat.S_IMODE((tmp_path / "checkpoints.db").stat().st_mode) == 0o600


def _other_database(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE chain(id INTEGER)")
    db.close()


def _newer(path: Path) -> None:
    Checkpoints(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()


@pytest.mark.parametrize("spoil", [_other_database, _newer], ids=["other", "newer"])
def test_a_file_that_is_no_memory_is_refused_and_left_alone(tmp_path: Path, spoil) -> None:
    path = tmp_path / "checkpoints.db"
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(CheckpointsError, match="layout"):
        Checkpoints(path)
    assert path.read_bytes() == before


def test_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(CheckpointsError, match="checkpoints"):
        Checkpoints(path)
    with pytest.raises(CheckpointsError, match="absent"):
        Checkpoints(tmp_path / "absent" / "checkpoints.db")
    store = Checkpoints(tmp_path / "other.db")
    store.accept(ORIGIN, b"no note")
    with pytest.raises(CheckpointsError, match="other"):
        store.held(ORIGIN)


def _accept_for_ever(path: Path, told: "multiprocessing.connection.Connection") -> None:
    store = Checkpoints(path)
    held = store.held(ORIGIN)
    size = held[1].size if held is not None else 0
    while size < len(LOG.leaves):
        size += 1
        store.accept(ORIGIN, LOG.signed(size).note)
        told.send(size)
    time.sleep(60)


def test_what_was_accepted_before_kill_9_is_held_after_it(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    last = 0
    for stop_at in (1, 7, 8, 25):
        ours, theirs = spawn.Pipe(duplex=False)
        child = spawn.Process(target=_accept_for_ever, args=(tmp_path / "checkpoints.db", theirs))
        child.start()
        while last < stop_at:
            last = ours.recv()
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        while ours.poll():
            last = ours.recv()
        held = Checkpoints(tmp_path / "checkpoints.db").held(ORIGIN)
        assert held is not None
        # What was told is there; the one under way then may be.
        assert last <= size_of(held[0]) <= last + 1
        last = size_of(held[0])
