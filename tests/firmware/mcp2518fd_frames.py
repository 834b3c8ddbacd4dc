"""Message objects of the chip's model, and one of its FIFOs."""

import struct

from mcp2518fd_pins import MisuseError

SIZES = (8, 12, 16, 20, 24, 32, 48, 64)


class Fifo:
    """`head` is where the next object is put, by the chip or, if it sends, by the user."""

    def __init__(self, number):
        self.number = number
        self.transmits = False
        self.depth = 1
        self.size = 16
        self.begins = self.ends = 0
        self.reset()

    def reset(self):
        self.head = self.tail = self.count = 0
        self.overflowed = False
        self.requested = False

    def lay(self, at, form, _, __, size):
        """Takes its place in RAM; returns where the next one begins."""
        self.transmits = bool(form & 0x80)
        self.depth = (size & 31) + 1
        self.size = 8 + SIZES[size >> 5] + (4 if form & 0x20 else 0)
        self.begins = at
        self.ends = at + self.depth * self.size
        self.reset()
        return self.ends

    def wants(self, form):
        """Does it pull the interrupt, being one that receives?"""
        return bool((form & 1 and self.count) or (form & 8 and self.overflowed))

    def status(self):
        room = self.count < self.depth
        if self.transmits:
            return room | (self.count == 0) << 2 | self.head << 8
        full = self.count == self.depth
        half = self.count * 2 >= self.depth
        return (self.count > 0) | half << 1 | full << 2 | self.overflowed << 3 | self.head << 8

    def user_address(self):
        return self.begins + self.size * (self.head if self.transmits else self.tail)

    def is_stopped(self):
        return self.count == self.depth if self.transmits else self.count == 0

    def increment(self):
        if self.transmits:
            self.head = (self.head + 1) % self.depth
            self.count += 1
        else:
            self.tail = (self.tail + 1) % self.depth
            self.count -= 1

    def store(self, memory, obj):
        at = self.begins + self.size * self.head
        memory[at : at + len(obj)] = obj
        self.head = (self.head + 1) % self.depth
        self.count += 1

    def request(self):
        if not self.count:
            raise MisuseError("nothing to send")
        self.requested = True

    def abort(self):
        self.requested = False
        self.tail = self.head
        self.count = 0

    def send(self, memory):
        at = self.begins + self.size * self.tail
        self.tail = (self.tail + 1) % self.depth
        self.count -= 1
        self.requested = self.count > 0
        return bytes(memory[at : at + self.size])


def arbitration(identifier, flags):
    if flags & 2:
        return identifier >> 18 | (identifier & 0x3FFFF) << 11
    return identifier


def packed(identifier, data, flags):
    """A received message object."""
    form = len(data) | (flags & 2) << 3 | (flags & 1) << 5
    body = bytes(data) if not flags & 1 else b""
    return struct.pack("<II", arbitration(identifier, flags), form) + body.ljust(8, b"\xee")


def unpacked(obj):
    word, form = struct.unpack_from("<II", obj)
    if form >> 6 & 7:
        raise MisuseError("a frame of CAN FD in CAN 2.0 mode")
    size, flags = form & 15, (form >> 4 & 1) << 1 | form >> 5 & 1
    if size > 8:
        raise MisuseError("a length of more than 8")
    identifier = word & 0x7FF
    if flags & 2:
        identifier = identifier << 18 | word >> 11 & 0x3FFFF
    elif word >> 11:
        raise MisuseError("long identifier bits in a short frame")
    return identifier, bytes(size) if flags & 1 else bytes(obj[8 : 8 + size]), flags
