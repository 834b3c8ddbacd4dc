"""Two lanes: a backlog of any size delays nothing that is new, and everything arrives."""

import zlib
from collections import Counter, deque
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_stand import GATEWAY, VEHICLE, telemetry, write_gateway
from hypothesis import given
from hypothesis import strategies as st

from edge_gateway.batch import Part
from edge_gateway.clock import Clock
from edge_gateway.events import Arrived, Inbox
from edge_gateway.gateway import Gateway
from edge_gateway.gossip import Gossip
from edge_gateway.lanes import Lanes
from edge_gateway.outbox import Outbox
from edge_gateway.settings import load
from protocol import ack, courier, statement

KEY = Ed25519PrivateKey.generate()


class SlowBackend:
    """A broker and a backend that acknowledge `at_once` statements a turn, in their order."""

    connected = True
    session = 1

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.waiting: deque[bytes] = deque()
        self.seen: dict[int, int] = {}
        self.samples = 0
        self.turn = 0
        self.most = 0

    def publish(self, name: str, payload: bytes, retain: bool = False) -> bool:
        if name == courier.UP_STATEMENT:
            self.waiting.append(payload)
        self.most = max(self.most, len(self.waiting))
        return True

    def answer(self) -> bytes | None:
        """The acknowledgement of a turn."""
        self.turn += 1
        seqs = []
        for _ in range(min(self.at_once, len(self.waiting))):
            sign1, _, packed = statement.decode_message(self.waiting.popleft())
            found = statement.decode_unverified(sign1)
            seqs.append(found.seq)
            if found.seq not in self.seen and found.kind == statement.RECORDS:
                self.samples += len(statement.decode_records(zlib.decompress(packed)))
            self.seen.setdefault(found.seq, self.turn)
        return ack.encode(ack.Ack(GATEWAY, ack.to_ranges(seqs), []), KEY.sign) if seqs else None


class Silent:
    """A bus on which nobody is."""

    connected = False

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()


class Stand:
    def __init__(self, folder: Path, at_once: int) -> None:
        config, key = write_gateway(folder, 1, 1, "00" * 32)
        settings = load(config)
        # How long a turn takes is the machine's affair: nothing is sent again for that.
        limits = replace(settings.limits, first_resend_s=3600, longest_resend_s=3600)
        settings = replace(settings, limits=limits)
        self.outbox = Outbox(settings.outbox_file, GATEWAY, key.sign, 256 << 20)
        self.backend = SlowBackend(at_once)
        self.gateway = Gateway(
            settings,
            self.outbox,
            {VEHICLE: Silent()},  # type: ignore[dict-item]
            self.backend,  # type: ignore[arg-type]
            Inbox(8),
            lambda message, signature: True,
            Gossip(settings, None, key.sign),
            Clock(),
        )

    def fill(self, statements: int, each: int) -> None:
        """What the vehicle sent while the backend was away."""
        sample = telemetry(1, 1)
        for start in range(0, statements, 500):
            parts = [Part([sample] * each, each)] * min(500, statements - start)
            self.outbox.store_parts(parts, 0, VEHICLE, {})

    def turn(self) -> None:
        self.gateway.tick()
        if (message := self.backend.answer()) is not None:
            topic = courier.topic(GATEWAY, courier.DOWN_ACK)
            self.gateway.handle(Arrived(topic, message))


@pytest.mark.parametrize("at_once", [1, 8])
def test_new_statements_do_not_wait_for_the_backlog(tmp_path: Path, at_once: int) -> None:
    stand = Stand(tmp_path, at_once)
    stand.fill(200, 1)
    late = []
    for number in range(100):
        stand.turn()
        if number % 10 == 3:
            seq = stand.outbox.store_event(statement.STARTED, "new", 0)
            before = stand.backend.turn
            while seq not in stand.backend.seen:
                stand.turn()
            late.append(stand.backend.turn - before)
    # At most what is under way already is in front of it, in both lanes.
    assert max(late) <= 16 // at_once + 1
    while stand.outbox.count():
        stand.turn()
    assert sorted(stand.backend.seen) == list(range(stand.outbox.next_seq))
    assert stand.backend.most <= 16


def test_a_day_at_1_hz_drains_while_live_data_pass(tmp_path: Path) -> None:
    """86,400 samples that waited for 24 hours, 50 in a statement; a statement a turn is new."""
    stand = Stand(tmp_path, 16)
    stand.fill(1_728, 50)
    assert stand.outbox.count() == 1_728
    live: dict[int, int] = {}
    while stand.outbox.count():
        live[stand.outbox.store_event(statement.STARTED, "new", 0)] = stand.backend.turn
        stand.turn()
        assert stand.backend.turn < 1_000
        if stand.backend.samples == 86_400:
            break
    stand.turn()
    assert stand.backend.samples == 86_400
    assert max(stand.backend.seen[seq] - made for seq, made in live.items()) <= 1


def test_what_waits_too_long_in_the_live_lane_is_backlog(tmp_path: Path) -> None:
    stand = Stand(tmp_path, 0)
    stand.turn()
    for _ in range(100):
        stand.outbox.store_event(statement.STARTED, "waits", 0)
        stand.turn()
    stand.backend.at_once = 1
    newest = stand.outbox.store_event(statement.STARTED, "new", 0)
    # Behind what is under way in both lanes, and the few that are new as well.
    for _ in range(2 * 16 + 1):
        stand.turn()
    assert newest in stand.backend.seen
    stand.backend.at_once = 100
    while stand.outbox.count():
        stand.turn()
    assert sorted(stand.backend.seen) == list(range(stand.outbox.next_seq))


@given(st.lists(st.tuples(st.sampled_from(["make", "send", "ack", "reset"]), st.integers(0, 9))))
def test_lanes_send_everything_and_keep_their_bounds(steps: list[tuple[str, int]]) -> None:
    lanes = Lanes(4, 5, 60)
    made, waiting, sent = 0, set[int](), set[int]()

    def send(now: float) -> None:
        lanes.advance(made)
        after, room = lanes.next_live()
        for seq in sorted(s for s in waiting if s > after)[:room]:
            lanes.sent_live(seq, now)
            sent.add(seq)
        after, room = lanes.next_backlog()
        for seq in sorted(s for s in waiting if after < s < lanes.boundary)[:room]:
            lanes.sent_backlog(seq, now)
            sent.add(seq)

    for now, (step, number) in enumerate(steps):
        if step == "make":
            waiting |= set(range(made, made + 20 * number))
            made += 20 * number
        elif step == "send":
            send(now)
        elif step == "ack":
            done = sorted(waiting & sent)[:number]
            waiting -= set(done)
            lanes.acknowledged((seq, seq) for seq in done)
        else:
            lanes.reset(made)
        assert len(lanes.live) <= 4 and len(lanes.backlog) <= 4
    for now in range(made + 1):
        send(now)
        done = sorted(waiting & sent)
        waiting -= set(done)
        lanes.acknowledged((seq, seq) for seq in done)
        if not waiting:
            break
    assert not waiting and len(lanes) == 0
