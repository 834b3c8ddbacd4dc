"""A vehicle of plain values for telemetry, health and faults, on both interpreters."""

from vcu import telemetry
from vcu.faults import Faults
from vcu.health import Health
from vcu.telemetry import Telemetry

from protocol import record
from protocol.bodies import check_body

# Key, message, signal, deadband.
RULES = [tuple(telemetry.RULES[at : at + 4]) for at in range(0, len(telemetry.RULES), 4)]


class Outbox:
    """Keeps what is recorded, as (kind, body, ms, durable). Refuses what no decoder would read."""

    def __init__(self):
        self.records = []
        self.away = False
        self.room = True
        self.journal_failed = False

    def is_away(self, now_ms):
        return self.away

    def record(self, kind, body, now_ms, durable=None):
        check_body(kind, body)
        if self.records and now_ms < self.records[-1][2]:
            raise ValueError("time went back")
        if self.room:
            self.records.append((kind, dict(body), now_ms, durable))
        return self.room

    def of(self, kind):
        return [item for item in self.records if item[0] == kind]


class Signals:
    """What the other nodes said, while it is fresh."""

    def __init__(self):
        self.values = {}

    def fresh(self, name, now_ms):
        return self.values.get(name)

    def heard(self, name):
        return name in self.values


class Motion:
    def __init__(self):
        self.speed_mmps = 0

    def speed(self, now_ms):
        return self.speed_mmps


class Odometer:
    metres = 0


class Drive:
    lock = 0


class Bus:
    """`counts` as vcu/can/port.py lists them."""

    off = False
    counts = ()

    def counters(self):
        return self.counts

    def is_off(self):
        return self.off


class Vehicle:
    """Everything that telemetry, faults and health look at. `rest` is a state of vcu/power.py."""

    rest = 0

    def __init__(self, sources=()):
        self.outbox = Outbox()
        self.signals = Signals()
        self.motion = Motion()
        self.odometer = Odometer()
        self.drive = Drive()
        self.bus = Bus()
        self.telemetry = Telemetry(self)
        self.faults = Faults(self.outbox)
        self.health = Health(self.outbox, self.bus, sources)
        self.now_ms = 0

    def run(self, ms, flags=0, used=False, step_ms=20):
        """One turn each `step_ms`."""
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            self.now_ms += step_ms
            rests = self.rest != 0
            if self.faults.tick(self.signals, self.bus, self.now_ms, flags, rests):
                self.telemetry.event()
            self.telemetry.tick(self.now_ms)
            self.health.tick(self.now_ms, used)

    def samples(self):
        return self.outbox.of(record.TELEMETRY)
