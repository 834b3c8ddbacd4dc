"""A vehicle on a bench, for both interpreters: the firmware, a bus in memory, nodes, a gateway.

Time is counted, not slept: one turn of the loop is one millisecond.
"""

import os

from board_fakes import FakeBoard, FakeRtc
from vcu.clock import WallClock, is_plausible, to_moment, to_seconds
from vcu.isotp import Receiver, Sender
from vcu.loop import Loop
from vcu.vcu import Vcu

from protocol import can, cbor, link, mac, record, vehicle
from protocol.can_table import MESSAGES

VEHICLE = "tf-0001"
KEY = bytes(range(100, 132))
NOW_S = 1_893_456_000  # 2030-01-01
SOFTWARE = bytes(range(32))


def identity(owner, vehicle=VEHICLE, key=KEY, time_floor=NOW_S - 86_400):
    return cbor.encode({0: 1, 1: vehicle, 2: owner, 3: key, 4: time_floor})


# The delta of hw/vehicles/delta-passenger.toml, near enough.
CONFIG = vehicle.Vehicle(
    name="delta-passenger",
    layout=vehicle.DELTA,
    wheelbase_mm=2100,
    track_mm=1120,
    empty_height_mm=560,
    empty_from_front_mm=1300,
    full_height_mm=660,
    full_from_front_mm=1400,
    has_steering=True,
    max_steering_cdeg=4000,
    bank_permille=30,
    grade_permille=60,
    margin_permille=60,
    warn_permille=850,
    top_speed_mmps=12500,
    limp_speed_mmps=2800,
    max_speed_mmps=20000,
    max_accel_mmps2=12000,
    tyre_mm=1634,
    gear_permille=8600,
)


def configure(folder):
    """The file `config`, unless there is one."""
    try:
        os.stat(folder + "config")
    except OSError:
        with open(folder + "config", "wb") as file:
            file.write(vehicle.seal(vehicle.encode(CONFIG)))


class Node:
    """One cyclic message of another node; `signals` None means silent."""

    def __init__(self, name, signals):
        self.name = name
        self.signals = signals
        self._identifier, _, self._period_ms = MESSAGES[name][:3]
        self._alive = 0

    def frame(self, now_ms):
        if self.signals is None or now_ms % self._period_ms:
            return None
        self._alive = (self._alive + 1) & 15
        return self._identifier, can.encode(self.name, self.signals, self._alive)


class Gateway:
    """The other end of the two channels. Keeps what arrives; says "stored" if it `stores`."""

    def __init__(self, stores=True):
        self.stores = stores
        self.listens = True
        self.records = []
        self.challenges = []
        self.hellos = []
        self._receiver = Receiver()
        self._sender = Sender()
        self._queue = []
        self._flow = None
        self._matches = mac.Hmac(mac.record_key(KEY)).matches

    def request(self, message):
        self._queue.append(message)

    def is_idle(self):
        return not self._queue and not self._sender.is_busy()

    def take(self, identifier, data, now_ms):
        if not self.listens:
            return
        if identifier == 0x518:
            message = self._receiver.take(data, now_ms)
            self._flow = self._receiver.reply or self._flow
            if message:
                self._message(*link.unpack(message))
        elif identifier == 0x508:
            self._sender.flow(data, now_ms)

    def frames(self, now_ms):
        out = []
        if self._flow:
            out.append((0x510, self._flow))
            self._flow = None
        if self._queue and not self._sender.is_busy():
            self._sender.start(self._queue.pop(0), now_ms)
        frame = self._sender.frame(now_ms)
        while frame and len(out) < 40:
            out.append((0x500, frame))
            self._sender.sent(now_ms)
            frame = self._sender.frame(now_ms)
        self._sender.tick(now_ms)
        return out

    def _message(self, kind, payload):
        if kind == link.HELLO:
            self.hellos.append(link.decode_hello(payload))
        elif kind == link.CHALLENGE:
            self.challenges.append(link.decode_challenge(payload))
        else:
            made = record.open_record(payload, self._matches)
            self.records.append(made)
            if self.stores:
                self.request(link.encode_stored(made.boot, made.seq))


class Bench:
    """Everything on one bus. `now_ms` is the uptime of the firmware, which begins at `begin_ms`."""

    def __init__(
        self,
        folder,
        reset_cause=1,
        stores=True,
        moment=None,
        watch=None,
        minimal=False,
        begin_ms=0,
    ):
        self.now_ms = begin_ms
        self.rtc = FakeRtc(moment or to_moment(NOW_S))
        self.board = FakeBoard(folder, WallClock(self.rtc, 0), reset_cause)
        self.board.ticks_ms = self._ticks
        self.gateway = Gateway(stores)
        self.nodes = {
            "MC_Status1": Node("MC_Status1", {"Speed_mmps": 0}),
            "MC_Status2": Node("MC_Status2", {"MotorTemp_C": 31}),
            "BMS_Pack": Node("BMS_Pack", {"Voltage_mV": 52_000, "Soc_permille": 800}),
            "HMI_Inputs": Node("HMI_Inputs", {}),
            "MC_Heartbeat": Node("MC_Heartbeat", {"State": 2}),
            "HMI_Heartbeat": Node("HMI_Heartbeat", {"State": 2}),
        }
        self.frames = {}  # name -> how many the VCU sent
        self.drives = []  # VCU_Drive as it changed: (ms, signals)
        self.locks = []
        self._watch = watch
        self._sleeps_until_ms = 0  # the loop waits until then, or for a frame or a key
        self.is_typed = lambda: False
        configure(folder)
        self.vcu = Vcu(self.board, SOFTWARE, begin_ms, minimal)
        self.loop = Loop(self.vcu, self._now, self._wait, self._nothing, self._nothing)

    def run(self, ms):
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            self.turn()

    def turn(self):
        self.now_ms += 1
        if self.now_ms % 1000 == 0 and is_plausible(self.rtc.moment):
            self.rtc.moment = to_moment(to_seconds(self.rtc.moment) + 1)
        for identifier, data, _ in self.board.can.leave():
            self._sent(identifier, data)
        woken = self.now_ms >= self._sleeps_until_ms or self.is_typed()
        for name in self.nodes:
            frame = self.nodes[name].frame(self.now_ms)
            if frame:
                woken |= self.board.can.deliver(*frame)
        for frame in self.gateway.frames(self.now_ms):
            woken |= self.board.can.deliver(*frame)
        if woken:
            self.loop.turn()
        if self._watch:
            self._watch(self)

    def speed(self, speed_mmps):
        self.nodes["MC_Status1"].signals = (
            None if speed_mmps is None else {"Speed_mmps": speed_mmps}
        )

    def stop(self, from_mmps):
        """Brakes as a vehicle can: half a g, then zero."""
        for speed_mmps in range(from_mmps, 0, -100):
            self.speed(speed_mmps)
            self.run(20)
        self.speed(0)

    def inputs(self, key, brake, gear):
        self.nodes["HMI_Inputs"].signals = {"Key": key, "Brake": brake, "Gear": gear}

    def present(self, presentation, within_ms=5_000):
        """Send it and wait for its ANSWER or REFUSAL; returns (kind, code or outcome) or None."""
        seen = len(self.gateway.records)
        self.gateway.request(link.pack(link.PRESENTATION, presentation))
        for _ in range(within_ms):
            self.turn()
            for made in self.gateway.records[seen:]:
                if made.kind in (record.ANSWER, record.REFUSAL):
                    return made.kind, made.body[3 if made.kind == record.ANSWER else 1]
        return None

    def enabled(self):
        """Was drive ever enabled on the bus?"""
        return any(signals["Enable"] for _, signals in self.drives)

    def kinds(self, kind):
        return [made.body for made in self.gateway.records if made.kind == kind]

    def _sent(self, identifier, data):
        if identifier in (0x508, 0x518):
            self.gateway.take(identifier, data, self.now_ms)
            return
        name, signals, _ = can.decode(identifier, data)
        self.frames[name] = self.frames.get(name, 0) + 1
        for wanted, seen in (("VCU_Drive", self.drives), ("VCU_Lock", self.locks)):
            if name == wanted and (not seen or seen[-1][1] != signals):
                seen.append((self.now_ms, signals))

    def _ticks(self):
        return self.now_ms & 0x3FFF_FFFF  # as a chip's: 12 days

    def _now(self):
        return self.now_ms

    def _wait(self, ms):
        if ms <= 0:
            raise ValueError("the loop waits for nothing")
        self._sleeps_until_ms = self.now_ms + ms

    def _nothing(self):
        pass
