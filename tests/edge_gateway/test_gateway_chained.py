"""Every disagreement of a log reaches the gateway's chain, whatever happens between two writes."""

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from gateway_stand import GATEWAY, write_gateway
from log_stand import ORIGIN, MemoryLog
from test_gateway_order import NoBroker, WatchingBus

from edge_gateway.checkpoints import Checkpoints
from edge_gateway.clock import Clock
from edge_gateway.errors import CheckpointsError
from edge_gateway.events import Arrived, Inbox
from edge_gateway.gateway import Gateway
from edge_gateway.gossip import Gossip
from edge_gateway.outbox import Outbox
from edge_gateway.settings import load
from protocol import ack, courier, statement


class Bench:
    """A gateway without bus and broker, begun again on the same files by `start`."""

    def __init__(self, folder: Path, max_bytes: int = 1 << 24) -> None:
        self.log = MemoryLog(ORIGIN).grow(*(b"%d" % number for number in range(10)))
        vkeys = [self.log.signer.verifier.vkey]
        config, self.key = write_gateway(folder, 1, 1, "00" * 32, vkeys)
        self.settings = load(config)
        self.max_bytes = max_bytes
        self.open: list[Outbox | Checkpoints] = []
        self.start()

    def start(self) -> None:
        for file in self.open:
            file.close()
        settings = self.settings
        self.outbox = Outbox(settings.outbox_file, GATEWAY, self.key.sign, self.max_bytes)
        store = Checkpoints(settings.checkpoints_file)
        self.open = [self.outbox, store]
        self.gossip = Gossip(settings, store, self.key.sign)
        bus, broker = WatchingBus(settings.outbox_file), NoBroker()
        self.gateway = Gateway(
            settings,
            self.outbox,
            {"trike-7": bus},  # type: ignore[dict-item]
            broker,  # type: ignore[arg-type]
            Inbox(8),
            self.verify,
            self.gossip,
            Clock(),
        )
        self.gateway.start()

    def verify(self, message: bytes, signature: bytes) -> bool:
        """The backend's key is the gateway's own here."""
        try:
            self.key.public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def down(self, name: str, payload: bytes) -> None:
        self.gateway.handle(Arrived(courier.topic(GATEWAY, name), payload))

    def roll_back(self, size: int) -> None:
        self.down(courier.DOWN_CHECKPOINT, self.log.show(10, size))

    def told(self) -> list[str]:
        """What the statements in the outbox tell of logs."""
        with closing(sqlite3.connect(self.settings.outbox_file)) as database:
            rows = database.execute("SELECT sign1, packed FROM statements ORDER BY seq").fetchall()
        kept = [
            statement.decode_gateway_event(zlib.decompress(packed))
            for sign1, packed in rows
            if statement.decode_unverified(sign1).kind == statement.GATEWAY
        ]
        return [text for event, text in kept if event == statement.LOG_DISAGREES]


def test_power_that_goes_before_the_statement_leaves_nothing_out(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.down(courier.DOWN_CHECKPOINT, bench.log.show(0))
    found = bench.gossip.received(bench.log.show(10, 7))  # on disk; and the power goes here
    assert found is not None and bench.told() == []
    for _ in range(3):
        bench.start()
        assert bench.told() == [str(found)]  # and it is told once
    bench.roll_back(7)
    assert bench.told() == [str(found)]


def test_a_full_outbox_delays_it_until_there_is_room(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 1 << 16)
    bench.down(courier.DOWN_CHECKPOINT, bench.log.show(0))
    for seq in range(1_000):
        bench.gateway._store_event(statement.STARTED, f"{seq}" * 20)
    assert bench.gateway.room.counters["events without room"]
    bench.roll_back(7)
    assert bench.told() == []
    answer = ack.encode(ack.Ack(GATEWAY, [(0, 30)], []), bench.key.sign)
    bench.down(courier.DOWN_ACK, answer)
    bench.gateway.tick()
    (text,) = bench.told()
    assert "rolled back" in text


@pytest.mark.parametrize("spoil", ["proof = x'ff'", "kind = 99", "origin = ''", "refused = 7"])
def test_a_disagreement_that_the_disk_changed_stops_nothing(tmp_path: Path, spoil: str) -> None:
    """SQLite has no checksums: such a row is read without an error."""
    bench = Bench(tmp_path)
    bench.down(courier.DOWN_CHECKPOINT, bench.log.show(0))
    for size in (7, 6):
        assert bench.gossip.received(bench.log.show(10, size)) is not None
    with closing(sqlite3.connect(bench.settings.checkpoints_file)) as database, database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute(f"UPDATE OR IGNORE disagreements SET {spoil} WHERE id = 1")
    bench.start()
    assert len(bench.told()) == 1
    assert list(bench.gossip.due(0))
    bench.roll_back(5)
    assert len(bench.told()) == 2


@pytest.mark.parametrize("spoilt", ["7", "'text'", "x'ff'", "x''"])
def test_a_held_checkpoint_that_the_disk_changed_is_named(tmp_path: Path, spoilt: str) -> None:
    """One bit makes a text of a blob; no log is followed then, and the records go on."""
    bench = Bench(tmp_path)
    bench.down(courier.DOWN_CHECKPOINT, bench.log.show(0))
    with closing(sqlite3.connect(bench.settings.checkpoints_file)) as database, database:
        database.execute(f"UPDATE held SET note = {spoilt}")
    with pytest.raises(CheckpointsError, match=r"checkpoints\.db"):
        bench.start()


@pytest.mark.parametrize("sizes", [(7,), (7, 6, 5)])
def test_each_is_told_once_and_in_order(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    bench = Bench(tmp_path)
    bench.down(courier.DOWN_CHECKPOINT, bench.log.show(0))
    for size in (*sizes, *sizes):
        bench.roll_back(size)
    assert len(bench.told()) == len(set(bench.told())) == len(sizes)
