"""A flash chip in memory for vfs.VfsLfs2, in MicroPython: logs what is written, and can be cut.

It is NOR flash: a program operation clears bits of what was erased, and misuse raises.
"""

BLOCK = 4096
_ERASED = b"\xff" * BLOCK
_COUNT, _SIZE, _ERASE, _SYNC = 4, 5, 6, 3


class Image:
    """The content of a chip: blank, or as another image is at that moment."""

    def __init__(self, blocks=0, like=None):
        # A block is never changed but replaced, so images share them.
        self.blocks = list(like.blocks) if like else [memoryview(_ERASED)] * blocks

    def apply(self, operation):
        """(block, offset, bytes); the bytes None: erase."""
        number, offset, data = operation
        new = bytearray(_ERASED if data is None else self.blocks[number])
        if data is not None:
            new[offset : offset + len(data)] = data
        self.blocks[number] = memoryview(new)

    def torn(self, operation):
        """Begin the operation and lose power in its middle."""
        number, offset, data = operation
        new = bytearray(self.blocks[number])
        if data is None:
            half = BLOCK // 2
            new[:half] = _ERASED[:half]
            for at in range(half, BLOCK, 7):
                new[at] |= 0x5A
        else:
            half = len(data) // 2
            for at in range(half):
                new[offset + at] = data[at]
            for at in range(half, len(data)):
                new[offset + at] &= data[at] | 0xA5  # some bits are programmed, others are not yet
        self.blocks[number] = memoryview(new)


class Chip:
    """The block device. `log` gets every operation that changes the flash."""

    def __init__(self, image, log=None):
        self.image = image
        self.log = log
        self.reads = self.programs = self.bytes = self.syncs = 0
        self.wear = None  # erases by block, if anybody wants to know

    def readblocks(self, number, buffer, offset=0):
        self.reads += 1
        buffer[:] = self.image.blocks[number][offset : offset + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        before = self.image.blocks[number][offset : offset + len(buffer)]
        bits = int.from_bytes(bytes(before), "big")
        if bits | int.from_bytes(bytes(buffer), "big") != bits:
            raise ValueError("programmed without an erase")
        self.programs += 1
        self.bytes += len(buffer)
        self._do((number, offset, bytes(buffer)))

    def ioctl(self, request, argument):
        if request == _COUNT:
            return len(self.image.blocks)
        if request == _SIZE:
            return BLOCK
        if request == _ERASE:
            if self.wear:
                self.wear[argument] += 1
            self._do((argument, 0, None))
        if request == _SYNC:
            self.syncs += 1
        return 0

    def _do(self, operation):
        if self.log is not None:
            self.log.append(operation)
        self.image.apply(operation)
