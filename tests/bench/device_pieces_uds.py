# Runs in MicroPython, by device_pieces.py: pieces of the diagnosis.
from vcu.uds import channel, desk, server


class Parked:
    """As much of a vehicle as two requests of a tester need."""

    def __init__(self):
        self.gate = self.authority = self
        self.vehicle = "tf-0001"
        self.drive = self.diagnosis = self.updates = self.motion = self.watch = self
        self.lock = self.outcome = 0
        self.waiting = []
        self.desk = desk.Desk(self, self)

    def is_parked(self):
        return True

    def left_ms(self, now_ms):
        return 0

    def speed(self, now_ms):
        return 1_234


def uds_read(times):
    vehicle = Parked()
    served = server.Server(vehicle, vehicle.desk)
    # Vehicle, version, lock state, speed.
    request = b"\x22\xf1\x90\xf1\x95\x01\x09\x01\x01"
    for _ in range(times):
        served.take(request, False, 0, 0)


def uds_frames(times):
    # A block of a download, 24 frames and the flow control behind it.
    vehicle = Parked()
    frames = channel.Channel(lambda identifier, data: True, server.Server(vehicle, vehicle.desk))
    frames.take(0x7E0, b"\x18\x02\x36\x01abcd", 0)
    number = 0
    for _ in range(24 * times):
        number = (number + 1) & 15
        frames.take(0x7E0, bytes((0x20 | number,)) + b"abcdefg", 0)


CASES = {"uds_read": uds_read, "uds_frames": uds_frames}
