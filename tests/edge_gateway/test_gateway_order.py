"""The order of durable writes: when the vehicle hears `stored`, it is on disk."""

import sqlite3
import time
import zlib
from collections import Counter
from pathlib import Path

import pytest
from gateway_stand import GATEWAY, boot_record, sealed, telemetry, write_gateway

from edge_gateway.batch import read_item
from edge_gateway.clock import Clock
from edge_gateway.downlink import Delivery
from edge_gateway.events import Inbox, LinkMessage
from edge_gateway.gateway import Gateway
from edge_gateway.gossip import Gossip
from edge_gateway.outbox import Outbox
from edge_gateway.settings import load
from edge_gateway.window import Name
from protocol import link, statement


class WatchingBus:
    """A bus that looks into the outbox's file, by a connection of its own, at every `stored`."""

    def __init__(self, path: Path) -> None:
        self.connected = True
        self.counters: Counter[str] = Counter()
        self.given: set[Name] = set()
        self.told: list[Name] = []
        self.greetings = 0
        self._path = path

    def stored(self, name: Name) -> None:
        missing = {given for given in self.given if given <= name} - set(self.on_disk())
        assert not missing, f"told {name} while {missing} are not on disk"
        self.told.append(name)

    def greet(self) -> None:
        self.greetings += 1

    def on_disk(self) -> list[Name]:
        with sqlite3.connect(self._path) as db:
            rows = db.execute("SELECT sign1, packed FROM statements ORDER BY seq").fetchall()
        db.close()
        return [
            read_item(data).name
            for sign1, packed in rows
            if statement.decode_unverified(sign1).kind == statement.RECORDS
            for data in statement.decode_records(zlib.decompress(packed))
        ]

    def deliver(self, delivery: Delivery) -> bool:
        raise AssertionError("no command was sent")


class NoBroker:
    connected = False
    session = 0


class Bench:
    def __init__(self, folder: Path, outbox_bytes: int = 1 << 24) -> None:
        config, key = write_gateway(folder, 1, 1, "00" * 32)
        settings = load(config)
        self.bus = WatchingBus(settings.outbox_file)
        self.outbox = Outbox(settings.outbox_file, GATEWAY, key.sign, outbox_bytes)
        self.gateway = Gateway(
            settings,
            self.outbox,
            {"trike-7": self.bus},  # type: ignore[dict-item]
            NoBroker(),  # type: ignore[arg-type]
            Inbox(8),
            lambda message, signature: False,
            Gossip(settings, None, key.sign),
            Clock(),
        )

    def hello(self, boot: int) -> None:
        self.gateway.handle(LinkMessage("trike-7", link.encode_hello("trike-7", boot, "1.0")))

    def give(self, *records: bytes) -> None:
        for data in records:
            self.bus.given.add(read_item(data).name)
            self.gateway.handle(LinkMessage("trike-7", link.pack(link.RECORD, data)))

    def flush(self) -> None:
        time.sleep(0.11)  # the longest wait that the settings of this bench allow
        self.gateway.tick()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.hello(1)
    return bench


def test_nothing_is_told_before_it_is_on_disk(bench: Bench) -> None:
    bench.give(boot_record(1, 0), sealed(1, 1))
    assert bench.bus.told == []
    bench.flush()
    assert bench.bus.told == [(1, 1)] and bench.bus.on_disk() == [(1, 0), (1, 1)]
    bench.give(*(telemetry(1, seq) for seq in range(2, 120)))
    bench.flush()
    assert bench.bus.told[-1] == (1, 119)


def test_repeats_do_not_run_ahead_of_what_waits_in_the_batch(bench: Bench) -> None:
    bench.give(boot_record(1, 0), sealed(1, 2))
    bench.flush()
    bench.give(sealed(1, 1), sealed(1, 2), sealed(1, 2), sealed(1, 2))
    assert bench.bus.told[-1] == (1, 2)
    assert sorted(bench.bus.on_disk()) == [(1, 0), (1, 1), (1, 2)]


def test_a_boot_record_counts_what_is_left_of_earlier_boots(bench: Bench) -> None:
    bench.give(boot_record(1, 0), sealed(1, 1))
    bench.flush()
    # Sample 2 died with the reset; 3 is in the vehicle's journal.
    bench.hello(2)
    bench.give(sealed(1, 3), boot_record(2, 1), sealed(2, 1))
    bench.flush()
    assert bench.bus.told[-1] == (2, 1)


def test_one_that_is_missing_of_earlier_boots_holds_the_mark(bench: Bench) -> None:
    bench.give(boot_record(1, 0), sealed(1, 1))
    bench.flush()
    bench.hello(2)
    bench.give(sealed(1, 3), boot_record(2, 2), sealed(2, 1))
    bench.flush()
    assert bench.bus.told[-1] == (1, 1)
    bench.give(sealed(1, 2))
    bench.flush()
    assert bench.bus.told[-1] == (1, 2)
    bench.give(sealed(1, 3))
    assert bench.bus.told[-1] == (1, 3)


def test_a_boot_counter_that_went_back_is_told_in_the_chain(bench: Bench) -> None:
    bench.give(boot_record(9, 0))
    bench.flush()
    bench.hello(2)
    bench.gateway.tick()
    last = bench.outbox.pending(-1, 99)[-1].message
    body = zlib.decompress(statement.decode_message(last)[2])
    event, text = statement.decode_gateway_event(body)
    assert event == statement.RECORDS_REFUSED and "went back to 2 from 9" in text


def test_without_room_the_vehicle_keeps_its_records(tmp_path: Path) -> None:
    bench = Bench(tmp_path, outbox_bytes=16 * 4096)
    bench.hello(1)
    for seq in range(200):
        bench.give(boot_record(1, 0) if seq == 0 else sealed(1, seq))
        bench.gateway.finish()
    assert bench.gateway.room.counters["batches without room"] > 0
    # Each `stored` was checked against the disk; the last one is what is there.
    assert bench.bus.told[-1] == max(bench.bus.on_disk())
    bench.outbox.close()
