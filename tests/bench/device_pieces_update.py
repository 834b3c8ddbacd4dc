# Runs in MicroPython, by device_pieces.py: pieces of an installation.
import sys

from protocol import rsa


class Partition:
    """Two slots of 2 KiB, in the place of vfs; a chip's are written by its own code."""

    memory = b""

    def rom_ioctl(self, request, partition=0, at=0, data=b""):
        if request == 2:
            return memoryview(self.memory)
        if request == 4:
            self.memory[at : at + len(data)] = data
        return 1024 if request == 6 else 0


flash = sys.modules["vfs"] = Partition()
from vcu.update.rom_slots import RomSlots  # noqa: E402


def update(kind, times):
    # One squaring of a release key, one KiB written, one KiB hashed.
    flash.memory = bytearray(4_096)
    slots = RomSlots(1)
    slots.open(2_048)
    for _ in slots.take(bytes(64)):
        pass
    noise = bytes([number * number * 7 % 251 for number in range(384)])
    steps = {
        "square": rsa.verify_steps(b"\xff" + noise[1:-1] + b"\x01", b"", b"\x3b" + noise[1:]),
        "write": slots.take(bytes(960)),
        "hash": slots.check(),
    }[kind]
    next(steps)
    for _ in range(times):
        next(steps, None)
    flash.memory = b""  # the other cases collect a small heap


CASES = {
    "piece_update_square": lambda times: update("square", times),
    "piece_update_write": lambda times: update("write", times),
    "piece_update_hash": lambda times: update("hash", times),
}
