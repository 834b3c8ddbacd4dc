"""Thinning: telemetry goes before anything else, and nobody thins unseen. Disk full is a state."""

import json
import random
import resource
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_stand import GATEWAY, VEHICLE, sealed, telemetry
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_gateway import thinning
from edge_gateway.batch import Part, read_item, share
from edge_gateway.clock import Clock
from edge_gateway.errors import OutboxFullError
from edge_gateway.outbox import Outbox
from edge_gateway.room import Room
from edge_gateway.settings import Limits
from protocol import ack, record, statement

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key()
SAMPLES = [telemetry(1, seq) for seq in range(50)]


def verify(message: bytes, signature: bytes) -> bool:
    try:
        PUBLIC.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _open(folder: Path, pages: int) -> Outbox:
    return Outbox(folder / "o.db", GATEWAY, KEY.sign, pages * 4096)


class Audit:
    """What somebody who gets all messages of an outbox finds: chain, contents, releases."""

    def __init__(self, outbox: Outbox) -> None:
        self.released: dict[int, bytes] = {}
        self.records: dict[int, list[bytes]] = {}
        self.events: dict[int, tuple[int, str]] = {}
        previous = None
        for pending in outbox.pending(-1, 1 << 20):
            sign1 = self._open(pending.message)
            found = statement.open_statement(sign1, verify)
            assert found.seq == pending.seq
            assert previous is None or found.prev_hash == previous
            previous = statement.statement_hash(sign1)

    def _open(self, message: bytes) -> bytes:
        if message[:1] == b"\x82":
            sign1, signature = statement.decode_release(message)
            statement.check_release(sign1, signature, verify)
            self.released[statement.decode_unverified(sign1).seq] = sign1
            return sign1
        sign1, salt, packed = statement.decode_message(message)
        found = statement.decode_unverified(sign1)
        body = zlib.decompress(packed)
        statement.check_body(found, salt, body)
        if found.kind == statement.RECORDS:
            self.records[found.seq] = statement.decode_records(body)
        else:
            self.events[found.seq] = statement.decode_gateway_event(body)
        return sign1

    def check_told(self) -> int:
        """Each release, and nothing else, is named by the chain. Returns the samples given up."""
        named: list[int] = []
        samples = 0
        for event, text in self.events.values():
            if event == statement.THINNED:
                count, ranges = statement.decode_thinned(text)
                samples += count
                named += [seq for first, last in ranges for seq in range(first, last + 1)]
        assert sorted(named) == sorted(self.released)
        return samples


@given(st.lists(st.tuples(st.integers(0, 1 << 40), st.integers(1, 64)), max_size=40))
def test_a_choice_is_every_second_one_from_the_oldest_and_fits_its_text(
    made: list[tuple[int, int]],
) -> None:
    candidates = sorted(dict(made).items())
    choice = thinning.choose(candidates)
    if not candidates:
        assert choice is None
        return
    assert choice is not None
    assert len(choice.text) <= 255
    assert list(choice.seqs) == [seq for seq, _ in candidates[::2]][: len(choice.seqs)]
    samples, ranges = statement.decode_thinned(choice.text)
    assert samples == choice.samples == sum(dict(candidates)[seq] for seq in choice.seqs)
    assert [seq for first, last in ranges for seq in range(first, last + 1)] == list(choice.seqs)
    assert choice.after >= choice.seqs[-1]


def test_near_its_bound_telemetry_goes_the_oldest_first_and_no_event(tmp_path: Path) -> None:
    outbox = _open(tmp_path, 256)
    room = Room(outbox, Clock())
    event = sealed(1, 60)
    events = 0
    for number in range(1_000):
        parts = [Part(SAMPLES, 50)] if number % 4 else [Part([event])]
        events += number % 4 == 0
        outbox.store_parts(parts, 1_800_000_000, VEHICLE, {})
        room.tick()
        assert outbox.used_permille() < 1000
    audit = Audit(outbox)
    given_up = audit.check_told()
    assert given_up == outbox.thinned_total() == 50 * len(audit.released) > 0
    assert sum(records == [event] for records in audit.records.values()) == events
    # Coarser with age: what is left is denser among the newer ones.
    whole = [seq for seq, records in audit.records.items() if len(records) == 50]
    middle = outbox.next_seq // 2
    assert sum(seq < middle for seq in whole) < sum(seq >= middle for seq in whole)
    # The newest are left alone.
    assert max(audit.released) < outbox.next_seq - thinning.NEWEST_KEPT


def test_where_nothing_is_left_to_give_the_vehicle_keeps_its_records(tmp_path: Path) -> None:
    outbox = _open(tmp_path, 40)
    room = Room(outbox, Clock())
    with pytest.raises(OutboxFullError):
        for seq in range(1_000):
            outbox.store_records([sealed(1, seq)], 1_800_000_000, VEHICLE, {})
            room.tick()
    assert Audit(outbox).released == {}
    assert outbox.thin(0) is None
    # Acknowledgements make room again.
    outbox.delete(ack.Ack(GATEWAY, [(0, 60)], []))
    assert outbox.store_records([sealed(1, 2_000)], 0, VEHICLE, {}) > 0


def test_thinning_and_acknowledgements_do_not_disturb_each_other(tmp_path: Path) -> None:
    outbox = _open(tmp_path, 4_096)
    outbox.store_parts([Part(SAMPLES, 50)] * 200, 0, VEHICLE, {})
    assert outbox.thin(0) == 50 * len(Audit(outbox).released)
    outbox.delete(ack.Ack(GATEWAY, [(0, 99)], []))
    while outbox.thin(0) is not None:
        pass
    audit = Audit(outbox)
    # Half in each pass, until only the newest are whole.
    assert set(audit.records) == {seq for seq in range(100, 200) if seq not in audit.released}
    assert outbox.thinned_total() >= 50 * len(audit.released)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["samples", "event", "thin", "ack"]), max_size=60))
def test_any_order_leaves_a_chain_in_which_every_release_is_told(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    outbox = _open(tmp_path_factory.mktemp("o"), 1_024)
    outbox.store_parts([Part(SAMPLES[:2], 2)] * 40, 0, VEHICLE, {})
    acknowledged = 0
    for step in steps:
        if step == "samples":
            outbox.store_parts([Part(SAMPLES[:2], 2)] * 8, 0, VEHICLE, {})
        elif step == "event":
            outbox.store_event(statement.STARTED, "x", 0)
        elif step == "thin":
            outbox.thin(0)
        else:
            outbox.delete(ack.Ack(GATEWAY, [(acknowledged, acknowledged)], []))
            acknowledged += 1
    audit = Audit(outbox)
    named = set()
    for event, text in audit.events.values():
        if event == statement.THINNED:
            named |= {s for a, b in statement.decode_thinned(text)[1] for s in range(a, b + 1)}
    assert set(audit.released) == {seq for seq in named if seq >= acknowledged}
    outbox.close()


def test_events_and_telemetry_part_ways_only_where_room_is_scarce() -> None:
    items = [read_item(sealed(1, 0)), *map(read_item, SAMPLES[:3])]
    assert share(items, apart=False) == [Part([item.data for item in items])]
    assert share(items, apart=True) == [Part([items[0].data]), Part(SAMPLES[:3], 3)]
    assert share(items[1:], apart=False) == [Part(SAMPLES[:3], 3)]
    assert share(items[:1], apart=True) == [Part([items[0].data])]


DEFAULT_PAGES = Limits().outbox_mb * 256


@pytest.mark.parametrize(
    "days", [pytest.param(3, id="3 days"), pytest.param(30, id="30 days", marks=pytest.mark.faults)]
)
def test_thirty_days_at_a_statement_a_minute_fit(tmp_path: Path, days: int) -> None:
    """43,200 statements of a minute's telemetry each, or a tenth of them in a tenth of the room."""
    outbox = _open(tmp_path, DEFAULT_PAGES * days // 30)
    minute = [_whole_sample(seq) for seq in range(50)]
    for _ in range(days * 4):
        outbox.store_parts([Part(minute, 50)] * 360, 1_800_000_000, VEHICLE, {})
    assert outbox.count() == outbox.next_seq == days * 1_440
    assert outbox.used_permille() < thinning.BEGIN_PERMILLE


def _whole_sample(seq: int) -> bytes:
    """Every value of a sample, changing as those of a ride do."""
    values = {key: 1_000 * key + seq * (key + 1) * 37 % 997 for key in range(20)}
    return sealed(1, seq, record.TELEMETRY, values)


_CHILD = """
import json, resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[3].split(":")
from test_gateway_thinning import disk_full
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
print(json.dumps(disk_full(Path(sys.argv[1]))))
"""


def disk_full(folder: Path) -> dict[str, int]:
    """A gateway's disk writes until no more goes, and again when there is room."""
    outbox = Outbox(folder / "o.db", GATEWAY, KEY.sign, 64 << 20)
    room = Room(outbox, Clock())
    stored = refused = 0
    for _ in range(400):
        try:
            outbox.store_records([bytes(range(256)) * 8], 0, VEHICLE, {})
            room.stored()
            stored += 1
        except OutboxFullError as error:
            room.refused("batches", error)
            refused += 1
        room.tick()
    was_full = room.full
    Audit(outbox)
    if hard := resource.getrlimit(resource.RLIMIT_FSIZE)[1]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    deleted = outbox.delete(ack.Ack(GATEWAY, [(0, 10)], []))
    outbox.store_event(statement.STARTED, "room again", 0)
    room.stored()
    Audit(outbox)
    again = Outbox(folder / "o.db", GATEWAY, KEY.sign, 64 << 20)
    return {
        "stored": stored,
        "refused": refused,
        "was_full": was_full,
        "is_full": room.full,
        "deleted": deleted.accepted,
        "next": again.next_seq,
    }


def test_a_disk_that_takes_no_more_is_a_state_and_ends(tmp_path: Path) -> None:
    """The system refuses what goes beyond 200 kB of a file, as it does on a full disk."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path), "200000", ":".join(sys.path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["stored"] > 0 and found["refused"] > 0
    assert found["was_full"] and not found["is_full"]
    assert found["deleted"] == 11 and found["next"] == found["stored"] + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 1 MiB, where this system lets us have one."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
    )
    if done.returncode:
        pytest.skip("no right to mount a file system here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_file_system_is_a_state_and_ends(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    outbox = Outbox(small_disk / "o.db", GATEWAY, KEY.sign, 64 << 20)
    room = Room(outbox, Clock())
    stored = 0
    while not room.full:
        try:
            stored = outbox.store_records([bytes(range(256)) * 8], 0, VEHICLE, {})
        except OutboxFullError as error:
            room.refused("batches", error)
        room.tick()
    # Another run begins on the full disk, and what is there is still published.
    outbox.close()
    outbox = Outbox(small_disk / "o.db", GATEWAY, KEY.sign, 64 << 20)
    outbox.count_start()
    Audit(outbox)
    assert outbox.next_seq == stored + 1
    ballast.unlink()
    assert outbox.delete(ack.Ack(GATEWAY, [(0, stored)], [])).accepted == stored + 1
    assert outbox.store_event(statement.STARTED, "room again", 0) == stored + 1
    outbox.close()


_WRITER = """
import sys
import time
from pathlib import Path
sys.path[:0] = sys.argv[2].split(":")
from test_gateway_thinning import write_for_ever
write_for_ever(Path(sys.argv[1]))
"""


def write_for_ever(folder: Path) -> None:
    """In a child: samples and events near the bound, until it is killed."""
    key = Ed25519PrivateKey.from_private_bytes((folder / "key").read_bytes())
    outbox = Outbox(folder / "o.db", GATEWAY, key.sign, 64 * 4096)
    room = Room(outbox, Clock())
    print("ready", flush=True)
    while True:
        if outbox.used_permille() > 960:  # events alone fill it in the end
            first = outbox.pending(-1, 1)[0].seq
            outbox.delete(ack.Ack(GATEWAY, [(first, first + 60)], []))
        outbox.store_parts([Part([SAMPLES[0]]), Part(SAMPLES[:30], 30)], 0, VEHICLE, {})
        room.tick()


def test_kill_9_while_it_thins_leaves_every_release_told(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY.private_bytes_raw())
    chance = random.Random(7)
    for _ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path), ":".join(sys.path)],
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.3, 0.8))
        child.kill()
        child.wait(20)
        child.stdout.close()
        outbox = _open(tmp_path, 64)
        audit = Audit(outbox)
        named = set()
        for event, text in audit.events.values():
            if event == statement.THINNED:
                named |= {s for a, b in statement.decode_thinned(text)[1] for s in range(a, b + 1)}
        # The statement that tells comes after those that it names, so it is not acknowledged first.
        assert set(audit.released) <= named
        assert all(
            records == [SAMPLES[0]] or len(records) == 30 for records in audit.records.values()
        )
        assert outbox.thinned_total() % 30 == 0
        outbox.close()
    assert named
