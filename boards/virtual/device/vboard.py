# Where the interpreter meets its supervisor: files inherited by number, values in the environment.
# Stands for the wires of a real board; nothing else on the device side knows of the host.
import os
import struct
from utime import ticks_ms

_files = [int(number) for number in os.getenv("TRIFLEET_FILES").split(",")]
RESET_CAUSE = int(os.getenv("TRIFLEET_RESET_CAUSE"))
WAKE_REASON = int(os.getenv("TRIFLEET_WAKE_REASON"))
UNIQUE_ID = bytes.fromhex(os.getenv("TRIFLEET_UNIQUE_ID"))
PINS = os.getenv("TRIFLEET_PINS").split(",")
CAN_ADDRESS = os.getenv("TRIFLEET_CAN")
CAN_BROKEN = os.getenv("TRIFLEET_BROKEN") == "can"  # the controller hears nothing, not itself
# One file is the whole flash chip: littlefs first, then the ROMFS partition.
FLASH_BYTES, ROM_BYTES = [int(size) for size in os.getenv("TRIFLEET_FLASH").split(",")]

flash = open(_files[0], "r+b")
_control = open(_files[1], "wb")
_fed = open(_files[2], "r+b")
_clock = open(_files[3], "r+b")
_inputs = open(_files[4], "rb")
edges = open(_files[5], "rb")  # readable when an input has changed
_eight = bytearray(8)
_input = bytearray(4)


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


def pin_number(name):
    if name not in PINS:
        raise ValueError("Pin(%s) doesn't exist" % name)
    return PINS.index(name)


def driven(number):
    # What the host drives the pin to, 0 to 65535, or None: nothing is connected.
    _inputs.seek(4 * number)
    _inputs.readinto(_input)
    connected, value = struct.unpack("<HH", _input)
    return value if connected else None
