# Where the interpreter meets its supervisor: files inherited by number, values in the environment.
# Stands for the wires of a real board; nothing else on the device side knows of the host.
import os
import struct
from utime import ticks_ms

_files = [int(number) for number in os.getenv("TRIFLEET_FILES").split(",")]
RESET_CAUSE = int(os.getenv("TRIFLEET_RESET_CAUSE"))
UNIQUE_ID = bytes.fromhex(os.getenv("TRIFLEET_UNIQUE_ID"))
PINS = os.getenv("TRIFLEET_PINS").split(",")
CAN_ADDRESS = os.getenv("TRIFLEET_CAN")

flash = open(_files[0], "r+b")
_control = open(_files[1], "wb")
_fed = open(_files[2], "r+b")
_clock = open(_files[3], "r+b")
_eight = bytearray(8)


def ask(word, value=0):
    # One message is one write below PIPE_BUF, so it arrives whole.
    _control.write(struct.pack("<BI", word[0], value))


def feed():
    struct.pack_into("<q", _eight, 0, ticks_ms())
    _fed.seek(0)
    _fed.write(_eight)


def clock_offset_s():
    _clock.seek(0)
    return struct.unpack("<q", _eight)[0] if _clock.readinto(_eight) == 8 else 0


def set_clock_offset_s(seconds):
    _clock.seek(0)
    _clock.write(struct.pack("<q", seconds))
