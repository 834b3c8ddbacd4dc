"""The gateway as a process between a virtual bus and a real broker, with everything failing."""

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_site import Stand, fill
from gateway_stand import (
    GATEWAY,
    VEHICLE,
    FakeVcu,
    Forger,
    any_presentation,
    forged,
    wait_until,
)

from hw.virtual_bus import VirtualBus
from protocol import ack, courier, link, record, statement


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path)
    stand.broker.start()
    try:
        yield stand
    finally:
        stand.close()


def test_records_arrive_once_and_in_order(stand: Stand) -> None:
    vcu = stand.start_vcu()
    stand.gateway.start()
    fill(vcu, 60)
    stand.wait_for_all()
    stand.check()
    assert stand.backend.records() == vcu.made
    assert [event for event, _ in stand.backend.events()] == [
        statement.STARTED,
        statement.ATTACHED,
    ]
    assert f"{VEHICLE} boot 1 firmware 1.0" in stand.backend.events()[1][1]
    assert stand.backend.challenges[-1][:2] == (VEHICLE, vcu.challenge)
    assert 100 < stand.backend.challenges[-1][2] - time.time() <= 120
    assert stand.backend.status[-1] is True
    assert stand.gateway.stop() == 0
    wait_until(lambda: stand.backend.status[-1] is False, "a goodbye")


def test_everything_is_killed_and_nothing_is_lost_or_doubled(stand: Stand) -> None:
    seed = int(os.environ.get("GATEWAY_SEED", random.SystemRandom().randrange(1 << 30)))
    print(f"GATEWAY_SEED={seed}")
    rng = stand.backend.random = random.Random(seed)
    stand.backend.lose, stand.backend.repeat = 0.3, 0.3
    vcu = stand.start_vcu()
    stand.gateway.start()
    done = threading.Event()

    def ride() -> None:
        while not done.wait(0.02):
            fill(vcu, 1)

    rider = threading.Thread(target=ride)
    rider.start()
    try:
        for victim in ("gateway", "broker", "gateway", "vcu", "gateway", "broker"):
            done.wait(rng.uniform(0.4, 1.2))
            if victim == "gateway":
                stand.gateway.kill()
                stand.gateway.start()
            elif victim == "broker":
                stand.broker.kill()
                stand.broker.start()
            else:
                vcu.reboot()
    finally:
        done.set()
        rider.join()
    stand.backend.lose = 0.0
    stand.wait_for_all()
    stand.check()


def test_broker_and_bus_are_absent_at_the_start(tmp_path: Path) -> None:
    stand = Stand(tmp_path, with_bus=False)
    try:
        stand.gateway.start()
        wait_until(lambda: b"broker not reached" in stand.gateway.log.read_bytes(), "no broker")
        wait_until(lambda: b"bus of" in stand.gateway.log.read_bytes(), "no bus")
        stand.bus = VirtualBus(port=stand.can_port)
        stand.bus.start()
        vcu = stand.start_vcu()
        fill(vcu, 30)
        # Without a broker the records are on the gateway's disk, and the vehicle is free of them.
        wait_until(lambda: vcu.unstored == 0, "everything stored")
        stand.broker.start()
        stand.wait_for_all()
        stand.check()
    finally:
        stand.close()


def test_the_bus_goes_away_and_comes_back(stand: Stand) -> None:
    vcu = stand.start_vcu()
    stand.gateway.start()
    fill(vcu, 10)
    stand.wait_for_all()
    made = vcu.made
    vcu.close()
    stand.bus.stop()
    wait_until(lambda: b"closed" in stand.gateway.log.read_bytes(), "the bus is missed")
    stand.bus = VirtualBus(port=stand.can_port)
    stand.bus.start()
    vcu = stand.start_vcu(boot=2)
    vcu.made[:0] = made
    fill(vcu, 10)
    stand.wait_for_all()
    stand.check()


def test_a_command_is_delivered_once(stand: Stand) -> None:
    vcu = stand.start_vcu()
    stand.gateway.start()
    wait_until(lambda: stand.backend.challenges, "a challenge")
    name, asked = any_presentation()
    message = courier.encode_command(name, VEHICLE, int(time.time()) + 60, asked)
    late_name, late = any_presentation(1)
    expired = courier.encode_command(late_name, VEHICLE, int(time.time()) - 1, late)
    other_name, other = any_presentation(2)
    wrong = courier.encode_command(other_name, "trike-8", int(time.time()) + 60, other)
    stand.command(message, message, message, expired, wrong)
    expected = {
        (name, courier.DELIVERED),
        (late_name, courier.EXPIRED),
        (other_name, courier.MALFORMED),
    }
    wait_until(lambda: set(stand.backend.commands) == expected, "three reports")
    assert vcu.presentations == [asked]


def test_a_silent_vehicle_is_reported(stand: Stand) -> None:
    vcu = stand.start_vcu()
    stand.gateway.start()
    wait_until(lambda: stand.backend.challenges, "a challenge")
    vcu.mute = True
    name, asked = any_presentation()
    message = courier.encode_command(name, VEHICLE, int(time.time()) + 60, asked)
    stand.command(message)
    wait_until(lambda: stand.backend.commands == [(name, courier.SILENT)], "SILENT")


def test_garbage_on_the_bus_and_from_the_broker_changes_nothing(stand: Stand) -> None:
    rng = random.Random(7)
    vcu = stand.start_vcu()
    stand.gateway.start()
    wait_until(lambda: stand.backend.challenges, "a challenge")
    port = stand.bus.attach(lambda identifier, data: None, ())
    for _ in range(100):
        port.send(rng.choice((0x508, 0x518)), rng.randbytes(rng.randrange(9)))
        stand.backend.send(courier.DOWN_ACK, rng.randbytes(rng.randrange(64)))
    stand.command(*(rng.randbytes(rng.randrange(1, 64)) for _ in range(100)))
    vcu.add_raw(b"")
    vcu.add_raw(bytes(40))
    vcu.add_raw(link.pack(link.RECORD, rng.randbytes(80)))
    fill(vcu, 20)
    stand.wait_for_all()
    stand.check()
    wait_until(
        lambda: any(e == statement.RECORDS_REFUSED for e, _ in stand.backend.events()),
        "the refused record in the chain",
    )
    assert stand.gateway.running
    port.close()


def test_a_forger_beside_the_vehicle_takes_no_name_away(stand: Stand) -> None:
    vcu = stand.start_vcu()
    stand.gateway.start()
    fill(vcu, 5)
    stand.wait_for_all()
    forger = Forger(stand.bus)
    # The end of all boots, the boot to come, and names of both that the vehicle will use.
    names = [(0xFFFFFFFF, 0), (2, 0), (2, 1), (1, 8), (1, 9), (1, 2)]

    def forge(salt: int, names: list[tuple[int, int]] = names) -> None:
        # Twice: a third time, with the one before it on disk, would pass for the vehicle's own way
        # to say that a gap is none (docs/gateway.md).
        for name in names:
            for _ in range(2):
                forger.send(forged(*name, salt))

    forge(1)
    wait_until(lambda: set(stand.backend.forged()) == set(names), "the forged records set aside")
    fill(vcu, 10)
    stand.wait_for_all()
    stand.gateway.kill()
    vcu.reboot()
    fill(vcu, 10)
    stand.gateway.start()
    stand.wait_for_all()
    # In between the vehicle's own frames, whose messages it tears: those are sent again. Torn, and
    # its name taken by a forger, a record would be lost (docs/gateway.md).
    for salt in range(2, 8):
        forge(salt, [(0xFFFFFFFF, 0), (1, 2)])
        fill(vcu, 2)
    forger.close()
    stand.wait_for_all()
    stand.check()


def test_a_forged_acknowledgement_deletes_nothing(stand: Stand) -> None:
    stand.backend.answers = False
    vcu = stand.start_vcu()
    stand.gateway.start()
    fill(vcu, 10)
    wait_until(lambda: vcu.unstored == 0, "everything stored")
    forged = ack.encode(ack.Ack(GATEWAY, [(0, 9999)], []), Ed25519PrivateKey.generate().sign)
    stand.backend.send(courier.DOWN_ACK, forged)
    wait_until(lambda: b"ack-signature" in stand.gateway.log.read_bytes(), "the refusal")
    stand.gateway.kill()
    # All of it is still there: it comes again, and now it is answered.
    stand.backend.statements.clear()
    stand.backend.bodies.clear()
    stand.backend.answers = True
    stand.gateway.start()
    stand.wait_for_all()
    stand.check()


def test_another_vehicle_on_the_bus_is_not_taken_for_ours(stand: Stand) -> None:
    vcu = FakeVcu(stand.bus)
    vcu.hello_vehicle = "trike-8"
    vcu.add_raw(link.encode_hello("trike-8", 1, "1.0"))
    foreign = record.Record("trike-8", 1, 0, 0, 0, record.LOST, {0: 1})
    vcu.add_raw(link.pack(link.RECORD, record.encode(foreign, lambda message: bytes(32))))
    stand.vcu = vcu
    stand.gateway.start()
    wait_until(lambda: b"carries trike-8" in stand.gateway.log.read_bytes(), "the warning")
    wait_until(lambda: stand.backend.events(), "statements")
    assert (1, 0) not in [name for name in stand.backend.records() if name not in vcu.made]


def test_no_secret_is_in_the_log(stand: Stand) -> None:
    vcu = stand.start_vcu()
    stand.gateway.start()
    fill(vcu, 5)
    stand.wait_for_all()
    log = stand.gateway.log.read_text()
    word = (stand.folder / "gw" / "mqtt.password").read_text().strip()
    pem = (stand.folder / "gw" / "gateway.key").read_text().splitlines()[1]
    assert word not in log and pem not in log
