"""The outbox: a chain without a gap, exactly once, through kill -9 and a full disk."""

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_stand import GATEWAY, VEHICLE, sealed
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_gateway.batch import read_item
from edge_gateway.errors import OutboxError, OutboxFullError
from edge_gateway.outbox import Outbox, known_time
from edge_gateway.window import BootMarks, Window, WindowState, digest
from protocol import ack, statement

KEY = Ed25519PrivateKey.generate()
MB = 1 << 20


def _marks(seq: int) -> WindowState:
    return {1: BootMarks(seq, {(seq, digest(sealed(1, seq))): None})}


def _open(path: Path, max_bytes: int = 64 * MB) -> Outbox:
    return Outbox(path, GATEWAY, KEY.sign, max_bytes)


def _bodies(outbox: Outbox) -> list[tuple[int, bytes]]:
    """(seq, body) of everything, with signature, commitment and chain verified."""
    out = []
    previous = None
    for pending in outbox.pending(-1, 1 << 20):
        sign1, salt, packed = statement.decode_message(pending.message)
        found = statement.decode_unverified(sign1)
        body = zlib.decompress(packed)
        statement.check_body(found, salt, body)
        assert found.seq == pending.seq
        assert previous is None or found.prev_hash == previous
        previous = statement.statement_hash(sign1)
        out.append((pending.seq, body))
    return out


def test_the_first_begins_the_chain_and_the_file_is_private(tmp_path: Path) -> None:
    outbox = _open(tmp_path / "o.db")
    assert outbox.store_event(statement.STARTED, "here", 5) == 0
    assert outbox.store_records([sealed(1, 0)], 6, VEHICLE, _marks(0)) == 1
    sign1 = statement.decode_message(outbox.pending(-1, 1)[0].message)[0]
    first = statement.decode_unverified(sign1)
    assert first.prev_hash == statement.FIRST_PREV_HASH and first.time == 5
    assert [seq for seq, _ in _bodies(outbox)] == [0, 1]
    assert stat.S_IMODE((tmp_path / "o.db").stat().st_mode) == 0o600
    outbox.close()
    again = _open(tmp_path / "o.db")
    assert again.window(VEHICLE) == _marks(0)
    assert again.store_event(statement.STARTED, "again", 7) == 2
    assert [again.count_start(), again.count_start()] == [1, 2]
    again.close()


def test_an_acknowledged_end_does_not_start_the_chain_anew(tmp_path: Path) -> None:
    outbox = _open(tmp_path / "o.db")
    outbox.store_event(1, "a", 0)
    hashed = statement.statement_hash(statement.decode_message(outbox.pending(-1, 1)[0].message)[0])
    outbox.delete(ack.Ack(GATEWAY, [(0, 0)], []))
    outbox.close()
    outbox = _open(tmp_path / "o.db")
    assert outbox.count() == 0 and outbox.store_event(1, "b", 0) == 1
    sign1 = statement.decode_message(outbox.pending(-1, 1)[0].message)[0]
    assert statement.decode_unverified(sign1).prev_hash == hashed
    outbox.close()


def test_deletes_what_is_named_and_counts_refused(tmp_path: Path) -> None:
    outbox = _open(tmp_path / "o.db")
    for _ in range(10):
        outbox.store_event(1, "x", 0)
    deleted = outbox.delete(ack.Ack(GATEWAY, [(0, 2), (5, 5)], [(7, 8)]))
    assert (deleted.accepted, deleted.refused, deleted.unknown) == (4, 2, False)
    assert [p.seq for p in outbox.pending(-1, 99)] == [3, 4, 6, 9]
    assert outbox.message(3) is not None and outbox.message(5) is None
    again = outbox.delete(ack.Ack(GATEWAY, [(0, 2)], [(7, 8)]))
    assert (again.accepted, again.refused) == (0, 0) and outbox.refused_total() == 2
    beyond = outbox.delete(ack.Ack(GATEWAY, [(9, 2**64 - 1)], []))
    assert (beyond.accepted, beyond.unknown) == (1, True)
    assert outbox.store_event(1, "next", 0) == 10
    outbox.close()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), max_size=8))
def test_any_ranges_delete_only_themselves(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.mktemp("o") / "o.db"
    outbox = _open(path)
    for _ in range(4):
        outbox.store_event(1, "x", 0)
    outbox.delete(ack.Ack(GATEWAY, [(a % 6, b) for a, b in pairs], []))
    left = [s for s in range(4) if not any(a % 6 <= s <= b for a, b in pairs)]
    assert [p.seq for p in outbox.pending(-1, 9)] == left
    outbox.close()


def test_another_gateway_s_outbox_is_refused(tmp_path: Path) -> None:
    _open(tmp_path / "o.db").close()
    with pytest.raises(OutboxError, match="belongs to gateway gw-7"):
        Outbox(tmp_path / "o.db", "gw-8", KEY.sign, MB)


def test_a_file_that_is_no_outbox_is_refused(tmp_path: Path) -> None:
    (tmp_path / "o.db").write_bytes(b"no database" * 1000)
    with pytest.raises(OutboxError):
        _open(tmp_path / "o.db")
    with pytest.raises(OutboxError):
        _open(tmp_path / "absent" / "o.db")


def test_a_full_outbox_stores_nothing_of_it_and_recovers(tmp_path: Path) -> None:
    outbox = _open(tmp_path / "o.db", 100 * 4096)
    stored = 0
    with pytest.raises(OutboxFullError):
        while True:
            outbox.store_records([os.urandom(4000)], 0, VEHICLE, _marks(stored))
            stored += 1
    assert outbox.count() == stored and outbox.window(VEHICLE)[1].high == stored - 1
    assert outbox.delete(ack.Ack(GATEWAY, [(0, stored // 2)], [])).accepted == stored // 2 + 1
    assert outbox.store_event(1, "room again", 0) == stored
    _bodies(outbox)
    outbox.close()


def test_only_differences_are_written_and_forgotten_marks_leave_the_file(tmp_path: Path) -> None:
    outbox = _open(tmp_path / "o.db")
    window = Window(outbox.window(VEHICLE), 4)
    for boot in range(1, 30):
        names = [(boot, seq) for seq in range(6)]
        window = window.after([(name, digest(repr(name).encode())) for name in names], names[:1])
        outbox.store_records([sealed(boot, 0)], 0, VEHICLE, window.state)
        with sqlite3.connect(tmp_path / "o.db") as db:
            boots = db.execute("SELECT count(*) FROM boots").fetchone()[0]
            marks = db.execute("SELECT count(*) FROM marks").fetchone()[0]
        assert (boots, marks) == (min(boot, 16), 4 * min(boot, 16))
    outbox.close()
    outbox = _open(tmp_path / "o.db")
    assert list(outbox.window(VEHICLE)) == list(range(14, 30))
    assert {
        boot: (kept.high, list(kept.marks)) for boot, kept in outbox.window(VEHICLE).items()
    } == {boot: (kept.high, list(kept.marks)) for boot, kept in window.state.items()}
    outbox.close()


def _as_layout_1(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.executescript(
            "DROP TABLE boots; DROP TABLE marks; PRAGMA user_version = 0;"
            "CREATE TABLE high(vehicle TEXT PRIMARY KEY, boot INTEGER NOT NULL,"
            " seq INTEGER NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE ahead(vehicle TEXT NOT NULL, boot INTEGER NOT NULL,"
            " seq INTEGER NOT NULL, PRIMARY KEY(vehicle, boot, seq)) WITHOUT ROWID;"
            "INSERT INTO high VALUES ('trike-7', 4294967295, 0);"
            "INSERT INTO ahead VALUES ('trike-7', 4294967295, 9);"
        )
    db.close()


def test_the_layout_before_keeps_its_chain_and_forgets_its_names(tmp_path: Path) -> None:
    outbox = _open(tmp_path / "o.db")
    outbox.store_records([sealed(1, 0)], 0, VEHICLE, _marks(0))
    outbox.store_event(1, "x", 0)
    before = _bodies(outbox)
    outbox.close()
    _as_layout_1(tmp_path / "o.db")
    for _ in range(2):
        outbox = _open(tmp_path / "o.db")
        assert _bodies(outbox)[:2] == before and outbox.window(VEHICLE) == {}
        outbox.store_event(1, "goes on", 0)
        outbox.close()
    with sqlite3.connect(tmp_path / "o.db") as db:
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    db.close()
    assert not tables & {"high", "ahead"} and {"boots", "marks"} <= tables


def test_layout_2_goes_on_and_gets_what_it_misses(tmp_path: Path) -> None:
    outbox = _open(tmp_path / "o.db")
    outbox.store_records([sealed(1, 0)], 0, VEHICLE, _marks(0))
    before, window = _bodies(outbox), outbox.window(VEHICLE)
    outbox.close()
    with sqlite3.connect(tmp_path / "o.db") as db:
        db.executescript(
            "DROP TABLE thinnable; DROP TABLE thinning; DROP TABLE commands;"
            "PRAGMA user_version = 2;"
        )
    db.close()
    outbox = _open(tmp_path / "o.db")
    assert _bodies(outbox) == before and outbox.window(VEHICLE) == window
    assert outbox.thin(0) is None and outbox.thinned_total() == 0 and outbox.commands(8) == []
    assert outbox.store_event(1, "goes on", 0) == 1
    outbox.close()


def test_a_layout_that_is_not_known_is_refused_by_name(tmp_path: Path) -> None:
    _open(tmp_path / "o.db").close()
    with sqlite3.connect(tmp_path / "o.db") as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(OutboxError, match="layout 9, this program knows 4"):
        _open(tmp_path / "o.db")
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE poems(line TEXT)")
    db.close()
    with pytest.raises(OutboxError, match="not an outbox"):
        _open(tmp_path / "other.db")


def test_a_clock_that_is_not_set_is_not_known() -> None:
    assert known_time(12.0) == 0 and known_time(1_800_000_000.9) == 1_800_000_000


_CHILD = """
import sys, pathlib
sys.path[:0] = [{tests!r}]
import test_gateway_outbox as t
t.store_for_ever(pathlib.Path(sys.argv[1]), bytes.fromhex(sys.argv[2]))
"""


def store_for_ever(path: Path, key: bytes) -> None:
    """In the child: the vehicle sends from 8 before `high`, as after a lost `stored`."""
    outbox = Outbox(path, GATEWAY, Ed25519PrivateKey.from_private_bytes(key).sign, 64 * MB)
    window = Window(outbox.window(VEHICLE), 64)
    seq = max(0, (window.state.get(1, BootMarks()).high or 0) - 8)
    while True:
        items = [read_item(sealed(1, n)) for n in range(seq, seq + 5)]
        seq += 5
        new = [item for item in items if not window.has(*item.mark)]
        if not new:
            continue
        settled = [item.name for item in new if item.name == (1, 0)]
        after = window.after([item.mark for item in new], settled)
        outbox.store_records([item.data for item in new], 0, VEHICLE, after.state)
        window = after
        print(*window.stored_up_to(items[-1].name) or (), flush=True)


def test_kill_9_at_any_moment_neither_loses_nor_doubles(tmp_path: Path) -> None:
    seed = int(os.environ.get("OUTBOX_SEED", random.SystemRandom().randrange(1 << 30)))
    print(f"OUTBOX_SEED={seed}")
    rng = random.Random(seed)
    path, key = tmp_path / "o.db", rng.randbytes(32)
    code = _CHILD.format(tests=str(Path(__file__).parent))
    told = -1
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(path), key.hex()], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(rng.uniform(0, 0.06))
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
        child.wait()
        child.stdout.close()
        lines = [line for line in (first + rest).split(b"\n")[:-1] if line]
        told = max([told, *(int(line.split()[1]) for line in lines)])
    outbox = Outbox(path, GATEWAY, Ed25519PrivateKey.from_private_bytes(key).sign, 64 * MB)
    names = [
        read_item(data).name[1]
        for _, body in _bodies(outbox)
        for data in statement.decode_records(body)
    ]
    # Whatever the vehicle was told is there, each once, in order, and the mark agrees with it.
    assert names == list(range(len(names)))
    assert outbox.window(VEHICLE)[1].high == len(names) - 1
    assert told < len(names)
    assert [seq for seq, _ in _bodies(outbox)] == list(range(outbox.count()))
    outbox.close()


def _held(folder: Path) -> bytes:
    """The bytes of the outbox's files, free pages and the log included."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_what_was_acknowledged_is_in_no_byte_of_the_files(tmp_path: Path) -> None:
    """A salt and a body tell where somebody rode."""
    outbox = _open(tmp_path / "o.db")
    for seq in range(300):
        outbox.store_records([sealed(1, seq)], 6, VEHICLE, _marks(seq))
    parts = [statement.decode_message(one.message) for one in outbox.pending(-1, 300)]
    salts = [salt for _, salt, _ in parts[:299]]
    bodies = [packed for _, _, packed in parts[:299]]
    assert all(salt in _held(tmp_path) for salt in salts)
    outbox.delete(ack.Ack(GATEWAY, [(0, 298)], []))
    assert any(salt in _held(tmp_path) for salt in salts)  # in the log: else nothing is shown
    outbox.scrub()
    held = _held(tmp_path)
    assert not any(salt in held for salt in salts)
    assert not any(packed in held for packed in bodies)
    assert parts[299][1] in held
    assert outbox.count() == 1
    outbox.close()
