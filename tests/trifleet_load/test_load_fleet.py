"""What the load's vehicles and gateways make is what real ones make."""

import random
import zlib
from collections.abc import Callable

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from fleet_backend.fleet.gateway_keys import Keys
from fleet_backend.ingest import acceptance, signatures, verdicts
from fleet_backend.ingest.verdicts import Accepted, KnownVehicle, View
from hw.model.route import load_routes
from protocol import ack, lock, record, statement
from protocol.errors import VerifyError
from trifleet.load.duty import Always, Duty, Mode
from trifleet.load.gateway import Gateway, Limits
from trifleet.load.keys import Keyring
from trifleet.load.vehicle import Vehicle

RING = Keyring(bytes(range(32)))
ROUTE = load_routes()[0]
NOW = 1_790_000_000
BACKEND = Ed25519PrivateKey.from_private_bytes(bytes(32))


def checker(key: Ed25519PrivateKey) -> Callable[[bytes, bytes], bool]:
    def verify(message: bytes, signature: bytes) -> bool:
        try:
            key.public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verify


def gateway(name: str = "g-1", limits: Limits = Limits()) -> Gateway:  # noqa: B008
    return Gateway(name, RING.gateway(name).sign, checker(BACKEND), limits)


def vehicle(duty: Duty | Always, name: str = "v-1") -> Vehicle:
    return Vehicle(name, 1, RING.record_key(name), duty, ROUTE)


def acked(name: str, *numbers: int, refused: bool = False) -> bytes:
    ranges = ack.to_ranges(list(numbers))
    told = ack.Ack(name, [], ranges) if refused else ack.Ack(name, ranges, [])
    return ack.encode(told, BACKEND.sign)


def test_the_keys_of_a_run_are_its_own() -> None:
    other = Keyring(bytes(32))
    assert RING.vehicle("a") != RING.vehicle("b") != other.vehicle("b")
    assert RING.gateway("a").private_bytes_raw() != RING.vehicle("a")
    assert RING.vehicle("a") == Keyring(bytes(range(32))).vehicle("a")
    assert bytes(range(32)).hex() not in repr(RING)


def test_the_backend_accepts_what_they_make() -> None:
    """A day of one vehicle, each statement judged by the ingest's own rules."""
    one, way = vehicle(Duty("day/3", 8)), gateway()
    ring = verdicts.Keyring(
        Keys.only(RING.gateway("g-1").public_key().public_bytes_raw()), signatures.verify
    )
    view = View({"g-1": ring}, {"v-1": KnownVehicle("g-1", RING.record_key("v-1"))})
    at, samples, locks = 0.0, 0, []
    while at < 86_400:
        records = one.records(at, NOW + at)
        way.state(records, NOW + at, at)
        verdict = acceptance.judge(way.waiting[way.seq - 1].message, "g-1", view, int(NOW + at))
        assert isinstance(verdict, Accepted), verdict
        view.note(verdict)
        assert not verdict.set_aside
        samples += len(verdict.samples)
        locks += [entry.body[0] for entry in verdict.records if entry.kind == record.LOCK]
        assert one.next_s > at
        at = one.next_s
    assert samples > 86_400 / 600
    assert locks == [lock.DRIVE, lock.LOCKED] * (len(locks) // 2)
    assert locks


def test_a_ride_moves_along_the_streets_and_ends_at_rest() -> None:
    duty = Duty("day/3", 8)
    one = vehicle(duty)
    begin = next(at for at in range(0, 86_400, 30) if duty.at(at).mode is Mode.RIDING)
    one.records(begin - 60.0, NOW)
    speeds, places = [], set()
    at = float(begin)
    while (spell := duty.at(at)).mode is Mode.RIDING:
        body = record.decode_unverified(one.records(at, NOW)[-1]).body
        speeds.append(body[0])
        places.add((body[5], body[6]))
        at = one.next_s
        assert at <= spell.end_s
    body = record.decode_unverified(one.records(at, NOW)[-1]).body
    assert max(speeds) > 4_000
    assert len(places) > len(speeds) / 2
    assert body[0] == 0


def test_nothing_is_forgotten_but_on_the_backends_word() -> None:
    way = gateway()
    for number in range(3):
        way.state([b"record"], NOW, float(number))
    stranger = Ed25519PrivateKey.generate()
    forged = ack.encode(ack.Ack("g-1", [(0, 2)], []), stranger.sign)
    for wrong in (forged, acked("g-2", 0, 1, 2)):
        with pytest.raises(VerifyError):
            way.acknowledged(wrong, 5)
    assert list(way.waiting) == [0, 1, 2]
    assert way.acknowledged(acked("g-1", 0, 2), 5) == [(0, 5.0), (2, 3.0)]
    assert way.acknowledged(acked("g-1", 1, refused=True), 5) == []
    assert (way.refused, way.waiting) == (1, {})


def test_a_chain_has_no_gap() -> None:
    way, before = gateway(), statement.FIRST_PREV_HASH
    for number in range(5):
        made = way.state([b"x"], NOW, 0)
        sign1, salt, packed = statement.decode_message(way.waiting[number].message)
        found = statement.open_statement(sign1, checker(RING.gateway("g-1")))
        assert (found.seq, found.prev_hash) == (number, before)
        assert statement.commit(salt, zlib.decompress(packed)) == found.commitment
        before = statement.statement_hash(sign1)
        assert made.hash == before


@given(st.integers(0, 2**32))
def test_everything_arrives_over_a_line_that_loses_and_breaks(seed: int) -> None:
    chance = random.Random(seed)
    way, held, now = gateway(limits=Limits(4, 1, 8)), set(), 0.0
    for _ in range(400):
        now += chance.random()
        if way.seq < 30 and chance.random() < 0.5:
            way.state([b"x"], NOW, now)
        if chance.random() < 0.1:
            way.connected()
        for seq in way.due(now):
            way.sent(seq, now)
            if chance.random() < 0.6:
                held.add(seq)
                if chance.random() < 0.6:
                    way.acknowledged(acked("g-1", seq), now)
        under_way = [seq for seq in way.waiting if seq <= max(way.due(now), default=-1)]
        assert len(under_way) <= 4 + len(held)
    while way.waiting:
        now += 8
        for seq in way.due(now):
            way.sent(seq, now)
            held.add(seq)
            way.acknowledged(acked("g-1", seq), now)
        assert now < 20_000, "it does not end"
    assert held == set(range(way.seq))


def test_a_backlog_goes_out_from_its_oldest_on() -> None:
    way = gateway(limits=Limits(3))
    for _ in range(10):
        way.state([b"x"], NOW, 0)
    assert way.due(0) == [0, 1, 2]
    for seq in (0, 1, 2):
        way.sent(seq, 0)
    assert way.due(0) == []
    way.acknowledged(acked("g-1", 0, 1), 1)
    assert way.due(1) == [3, 4]
    way.connected()
    assert way.due(1) == [2, 3, 4]
