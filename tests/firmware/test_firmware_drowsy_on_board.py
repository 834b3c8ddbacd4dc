"""A drowsy vehicle on the virtual board, and the edge gateway's own end of the bus."""

import time

import pytest
from life_stand import SHORT_REST, Images, stands
from signer import by_owner
from vcu import faults, power
from vcu_bench import KEY, VEHICLE, Node

from edge_gateway.bus_settings import SLCAN, BusSettings
from edge_gateway.downlink import Delivery, Report
from edge_gateway.events import Inbox
from edge_gateway.vehicle_bus import VehicleBus
from protocol import courier, link, lock, mac, presentation, record


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return Images(tmp_path_factory.mktemp)


@pytest.fixture
def make_stand(images, tmp_path):
    with stands(images, tmp_path) as make:
        yield make


class Motor:
    """A motor controller that stands still, and sleeps while nobody speaks to it."""

    def __init__(self, bus):
        self._node = Node("MC_Status1", {"Speed_mmps": 0})
        self._heard_s = time.monotonic()
        self._now_ms = 0
        self._tap = bus.attach(self._hear, {0x050})
        self._timer = bus.every(0.02, lambda now_s: self._send())

    def _hear(self, identifier, data):
        self._heard_s = time.monotonic()

    def _send(self):
        self._now_ms += 20
        if self.is_awake():
            self._tap.send(*self._node.frame(self._now_ms))

    def is_awake(self):
        return time.monotonic() - self._heard_s < 0.5

    def close(self):
        self._timer.cancel()
        self._tap.close()


class Gateway:
    """The edge gateway's own end of the bus; what it received is stored, and the vehicle told."""

    def __init__(self, port):
        self._inbox = Inbox(1024)
        settings = BusSettings(VEHICLE, SLCAN, f"socket://127.0.0.1:{port}", True)
        self.bus = VehicleBus(settings, 8, self._inbox, {"State": 2})
        self.challenges, self.records, self.reports = [], [], []
        self._matches = mac.Hmac(mac.record_key(KEY)).matches

    def look(self):
        for event in self._inbox.take(0):
            if isinstance(event, Report):
                self.reports.append(event.status)
                continue
            kind, payload = link.unpack(event.data)
            if kind == link.CHALLENGE:
                self.challenges.append(link.decode_challenge(payload)[0])
            elif kind == link.RECORD:
                made = record.open_record(payload, self._matches)
                self.records.append(made)
                self.bus.stored((made.boot, made.seq))

    def has(self, kind, key, value):
        self.look()
        return any(made.kind == kind and made.body.get(key) == value for made in self.records)


def test_a_drowsy_vehicle_answers_what_the_gateway_presents(make_stand):
    stand = make_stand(SHORT_REST)
    motor = Motor(stand.bus)
    gateway = Gateway(stand.bus.port)
    gateway.bus.start()
    try:
        stand.wait(lambda: gateway.has(record.TELEMETRY, 20, power.DROWSY), "it does not rest")
        stand.wait(lambda: not motor.is_awake(), "the motor is kept awake")
        assert stand.is_silent() and not stand.board.asleep
        asked = by_owner(gateway.challenges[-1])
        name = presentation.decode(asked).command_id
        begin_s = time.monotonic()
        gateway.bus.deliver(Delivery(name, int(time.time()) + 30, asked))
        stand.wait(lambda: stand.frames, "it does not wake")
        spoken_s = time.monotonic() - begin_s
        stand.wait(lambda: gateway.has(record.ANSWER, 0, name), "no answer")
        print(f"speaks after {spoken_s:.2f} s, answered after {time.monotonic() - begin_s:.2f} s")
        assert gateway.has(record.ANSWER, 3, record.DONE) and gateway.reports == [courier.DELIVERED]
        stand.wait(lambda: stand.state() == lock.READY)
        assert motor.is_awake()
        # Nothing of this was a fault.
        assert not gateway.has(record.FAULT, 1, faults.SILENT)
    finally:
        gateway.bus.stop()
        motor.close()
