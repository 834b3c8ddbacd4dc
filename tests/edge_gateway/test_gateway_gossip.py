"""Gossip with a clock in the test's hand: what is told when, and that nothing is told too early."""

import random
import sqlite3
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_stand import GATEWAY, write_gateway
from hypothesis import given, settings
from hypothesis import strategies as st
from log_stand import ORIGIN, MemoryLog, size_of

from edge_gateway.checkpoints import Checkpoints, Kind
from edge_gateway.gossip import Gossip
from edge_gateway.settings import load
from protocol import cbor, courier, sighting
from protocol.errors import DecodeError

OTHER = "other.example/log"
NOW = 1_800_000_000


class Desk:
    """A gateway's gossip about some logs; `on_disk` looks by a connection of its own."""

    def __init__(self, folder: Path, *logs: MemoryLog, **limits: int) -> None:
        vkeys = [log.signer.verifier.vkey for log in logs]
        self.config, self.key = write_gateway(folder, 1, 1, "00" * 32, vkeys, **limits)
        self.store: Checkpoints | None = None
        self.start()

    def start(self) -> None:
        if self.store is not None:
            self.store.close()
        settings = load(self.config)
        self.file = settings.checkpoints_file
        self.store = Checkpoints(self.file)
        self.gossip = Gossip(settings, self.store, self.key.sign, lambda: NOW)

    def verify(self, message: bytes, signature: bytes) -> bool:
        try:
            self.key.public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def tell(self, now_s: float, at_most: int = 1_000) -> list[sighting.Sighting]:
        """What is published now, each looked up on the disk before it goes."""
        told = []
        for message in self.gossip.due(now_s):
            if len(told) == at_most:
                break
            found = sighting.open_sighting(message, self.verify)
            assert (found.gateway, found.time) == (GATEWAY, NOW)
            assert (found.held in self.on_disk()) or not found.held
            assert (found.refused in self.on_disk()) or not found.refused
            told.append(found)
        return told

    def on_disk(self) -> list[bytes]:
        with sqlite3.connect(self.file) as db:
            notes = [row[0] for row in db.execute("SELECT note FROM held")]
            for row in db.execute("SELECT held, refused FROM disagreements"):
                notes += row
        db.close()
        return notes


def log_of(size: int, origin: str = ORIGIN) -> MemoryLog:
    return MemoryLog(origin).grow(*(b"%d" % number for number in range(size)))


def sizes(told: list[sighting.Sighting]) -> list[int]:
    return [size_of(one.held) for one in told]


def test_asks_then_accepts_then_tells(tmp_path: Path) -> None:
    log = log_of(5)
    desk = Desk(tmp_path, log)
    desk.gossip.connected()
    assert [(one.origin, one.held) for one in desk.tell(0)] == [(ORIGIN, b"")]
    assert desk.tell(0.5) == []
    assert desk.gossip.received(log.show(0)) is None
    assert [one.held for one in desk.tell(2)] == [log.signed().note]
    log.grow(b"more")
    assert desk.gossip.received(log.show(5)) is None
    assert sizes(desk.tell(3)) == [6]


def test_a_growing_log_is_told_at_a_pace_and_the_newest_goes(tmp_path: Path) -> None:
    log = log_of(1)
    desk = Desk(tmp_path, log, sighting_s=30, sighting_again_s=300)
    desk.gossip.connected()
    told: list[int] = []
    for second in range(300):
        told += sizes(desk.tell(second))
        log.grow(b"x%d" % second)
        assert desk.gossip.received(log.show(len(log.leaves) - 1 if second else 0)) is None
    # Four at once, then one in thirty seconds, and never an older one than before.
    assert len(told) <= 4 + 300 // 30 and told == sorted(told)
    assert told[-1] >= 270


def test_everything_is_told_again_after_a_while_and_after_a_connection(tmp_path: Path) -> None:
    log = log_of(5)
    desk = Desk(tmp_path, log, sighting_s=1, sighting_again_s=300)
    desk.gossip.received(log.show(0))
    assert sizes(desk.tell(0)) == [5]
    desk.gossip.received(log.show(5))
    assert desk.tell(299) == []
    assert sizes(desk.tell(300)) == [5]
    desk.gossip.connected()
    assert sizes(desk.tell(310)) == [5]
    desk.gossip.received(log.show(5))
    assert desk.tell(609) == [] and sizes(desk.tell(611)) == [5]


def test_without_an_answer_it_asks_again_more_and_more_seldom(tmp_path: Path) -> None:
    """The broker keeps nothing for a backend that was never there."""
    log = log_of(5)
    desk = Desk(tmp_path, log, sighting_s=1, sighting_again_s=60)
    asked = [second for second in range(200) if desk.tell(second)]
    # After 1, 2, 4 ... seconds, at most 60, and with everything at 60, 120 and 180.
    assert asked[:6] == [0, 1, 3, 7, 15, 31]
    assert len(asked) <= 6 + 2 * 3 and asked[-1] >= 180
    desk.gossip.received(log.show(0))
    assert sizes(desk.tell(200)) == [5]
    # One that is no answer of this log does not count as one.
    stranger = MemoryLog(key=Ed25519PrivateKey.generate()).grow(b"x")
    desk.gossip.received(stranger.show(5))
    assert sizes(desk.tell(201)) == [5]


def test_a_log_that_has_not_begun_is_asked_again_soon(tmp_path: Path) -> None:
    """As on a young installation: its first entry is not waited for till everything is told."""
    log = log_of(0)
    desk = Desk(tmp_path, log, sighting_s=1, sighting_again_s=300)
    asked = []
    for second in range(100):
        if desk.tell(second):
            asked.append(second)
            assert desk.gossip.received(log.show(0)) is None
    # Once more because it was accepted; then after 2, 4, 8 ... seconds.
    assert asked == [0, 1, 3, 7, 15, 31, 63]
    log.grow(b"first")
    for second in range(100, 200):
        if told := desk.tell(second):
            assert second == 127 and sizes(told) == [0]
            assert desk.gossip.received(log.show(0)) is None
            assert sizes(desk.tell(128)) == [1]
            assert desk.gossip.received(log.show(1)) is None
    assert desk.store is not None and not desk.store.numbers(ORIGIN)


def test_what_could_not_be_published_is_told_later(tmp_path: Path) -> None:
    first, second = log_of(5), log_of(6, OTHER)
    desk = Desk(tmp_path, first, second, sighting_s=1)
    desk.gossip.received(first.show(0))
    desk.gossip.received(second.show(0))
    assert len(desk.tell(0, at_most=0)) == 0  # the broker took nothing
    assert sorted(sizes(desk.tell(10))) == [5, 6]


@pytest.mark.parametrize("kind", list(Kind), ids=[kind.name for kind in Kind])
def test_a_disagreement_is_kept_told_and_survives(tmp_path: Path, kind: Kind) -> None:
    log = log_of(10)
    desk = Desk(tmp_path, log)
    desk.gossip.received(log.show(0))
    desk.tell(0)
    fork = log.branch(4).grow(*(b"other %d" % number for number in range(9)))
    size = {Kind.ROLLED_BACK: 7, Kind.FORKED: 10, Kind.NOT_CONTINUED: 13}[kind]
    found = desk.gossip.received(
        courier.encode_checkpoint(
            ORIGIN, fork.signed(size).note, 10, fork.proof(min(10, size), size)
        )
    )
    assert found is not None and found.kind is kind
    (told,) = desk.tell(1)
    assert (told.held, told.refused) == (log.signed().note, fork.signed(size).note)
    assert bool(told.proof) == (kind is Kind.NOT_CONTINUED)
    # The log goes on as if nothing had been: what is held grows, what was refused stays.
    log.grow(b"more")
    assert desk.gossip.received(log.show(10)) is None
    assert sizes(desk.tell(2)) == [11]
    desk.start()
    again = desk.tell(3)
    assert sizes(again) == [11, 10]
    assert again[1].refused == told.refused and again[1].proof == told.proof
    assert desk.gossip.counters["log disagreements kept"] == 1


def test_the_same_disagreement_is_new_once(tmp_path: Path) -> None:
    log = log_of(10)
    desk = Desk(tmp_path, log)
    desk.gossip.received(log.show(0))
    assert desk.gossip.received(log.show(10, 8)) is not None
    for _ in range(50):
        assert desk.gossip.received(log.show(10, 8)) is None
    assert desk.gossip.counters["log rolled back"] == 51
    assert len([one for one in desk.tell(0) if one.refused]) == 1


def test_many_disagreements_do_not_keep_the_newest_checkpoint_back(tmp_path: Path) -> None:
    log = log_of(100)
    desk = Desk(tmp_path, log, sighting_s=10, sighting_again_s=1_000)
    desk.gossip.received(log.show(0))
    for size in range(60, 90):
        desk.gossip.received(log.show(100, size))
    assert desk.gossip.counters["log disagreements kept"] == 16
    told = desk.tell(0)
    assert len([one for one in told if one.refused]) == 4
    log.grow(b"more")
    desk.gossip.received(log.show(100))
    assert 101 in sizes(desk.tell(1))
    rest = [one for second in range(2, 200) for one in desk.tell(second)]
    assert {size_of(one.refused) for one in (*told, *rest) if one.refused} == set(range(60, 76))


def test_a_restart_remembers(tmp_path: Path) -> None:
    log = log_of(10)
    desk = Desk(tmp_path, log)
    desk.gossip.received(log.show(0))
    desk.start()
    assert desk.gossip.received(log.show(0, 7)) is None  # nobody asked from nothing: stale
    found = desk.gossip.received(log.show(10, 7))
    assert found is not None and found.kind is Kind.ROLLED_BACK
    assert desk.gossip.received(log.branch(9).grow(b"other").show(10)) is not None


def test_a_log_changes_its_key(tmp_path: Path) -> None:
    old = log_of(5)
    new = MemoryLog(key=Ed25519PrivateKey.generate())
    new.leaves = old.leaves
    desk = Desk(tmp_path, old, new)
    assert desk.gossip.received(old.show(0)) is None
    new.grow(b"more")
    assert desk.gossip.received(new.show(5)) is None
    assert sizes(desk.tell(0)) == [6]
    # The old key is taken out: what it signed is still what the next one has to continue.
    text = desk.config.read_text()
    desk.config.write_text(text.replace(f'[[log]]\nvkey = "{old.signer.verifier.vkey}"\n', ""))
    desk.start()
    found = desk.gossip.received(new.show(6, 5))
    assert found is not None and found.kind is Kind.ROLLED_BACK
    old.grow(b"more", b"and more")
    assert desk.gossip.received(old.show(6)) is None
    assert desk.gossip.counters["checkpoints refused"] == 1


def test_two_logs_do_not_touch_each_other(tmp_path: Path) -> None:
    first, second = log_of(5), log_of(9, OTHER)
    desk = Desk(tmp_path, first, second)
    desk.gossip.received(second.show(0))
    desk.gossip.received(first.show(0))
    assert desk.gossip.received(second.show(9, 3)) is not None
    first.grow(b"more")
    assert desk.gossip.received(first.show(5)) is None
    told = {(one.origin, size_of(one.held), bool(one.refused)) for one in desk.tell(0)}
    assert told == {(ORIGIN, 6, False), (OTHER, 9, False), (OTHER, 9, True)}


def test_a_log_that_is_not_followed_is_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path, log_of(5))
    with pytest.raises(DecodeError, match="unknown-log"):
        desk.gossip.received(log_of(9, OTHER).show(0))


def test_without_a_memory_nothing_is_followed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, log_of(5))
    gossip = Gossip(load(desk.config), None, desk.key.sign)
    assert list(gossip.due(0)) == [] and gossip.counters["logs not followed"] == 1
    with pytest.raises(DecodeError, match="unknown-log"):
        gossip.received(log_of(5).show(0))


def test_what_cannot_be_stored_is_not_accepted(tmp_path: Path) -> None:
    """A full disk, or another that holds the file: the older checkpoint stays in use."""
    log = log_of(5)
    desk = Desk(tmp_path, log)
    desk.gossip.received(log.show(0))
    assert desk.store is not None
    desk.store.close()
    log.grow(b"more")
    assert desk.gossip.received(log.show(5)) is None
    assert desk.gossip.received(log.show(5, 3)) is None
    assert desk.gossip.counters["checkpoints not stored"] == 2
    assert sizes(desk.tell(0)) == [5]


def test_ten_thousand_nonsense_messages_change_nothing(tmp_path: Path) -> None:
    log, rng = log_of(40), random.Random(4)
    stranger = MemoryLog(key=Ed25519PrivateKey.generate())
    stranger.leaves = log.leaves
    desk = Desk(tmp_path, log)
    desk.gossip.received(log.show(0, 20))
    good = log.show(20)
    refused = 0
    for number in range(10_000):
        bad = bytearray(good)
        if number % 3 == 0:
            bad = bytearray(rng.randbytes(rng.randrange(200)))
        elif number % 3 == 1:
            # In the text or the signature of the note: a changed proof is a disagreement.
            bad[rng.randrange(4, len(log.signed().note))] ^= 1 << rng.randrange(8)
        else:
            bad = bytearray(stranger.show(20))
        try:
            assert desk.gossip.received(bytes(bad)) is None
        except DecodeError:
            refused += 1
    assert refused + desk.gossip.counters["checkpoints refused"] == 10_000
    assert desk.on_disk() == [log.signed(20).note]
    assert desk.gossip.received(good) is None
    assert log.signed().note in desk.on_disk()


documents = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.binary(max_size=40) | st.text(),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=200)
    | documents.map(cbor.encode)
    | st.tuples(
        st.just(1),
        st.just(ORIGIN),
        st.binary(max_size=80),
        st.integers(0, 2**63 - 1),
        st.lists(st.binary(min_size=32, max_size=32), max_size=4),
    ).map(cbor.encode)
)
def test_any_message_is_refused_or_the_one_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    log = log_of(3)
    desk = Desk(tmp_path_factory.mktemp("gossip"), log)
    try:
        assert desk.gossip.received(data) is None
    except DecodeError:
        return
    assert desk.gossip.counters["checkpoints refused"] == 1
    assert desk.on_disk() == []
