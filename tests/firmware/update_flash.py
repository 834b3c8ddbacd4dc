"""One flash chip with littlefs and a ROMFS partition, in MicroPython."""

from flash_device import BLOCK, Chip

FILE_BLOCKS = 64
ROM_BLOCKS = 8


class Vfs:
    """The module `vfs` of a board: littlefs and partition lie in one image of flash."""

    def __init__(self, has_partition):
        self.VfsRom = bytes
        self.mounted = None
        if has_partition:
            self.rom_ioctl = self._rom_ioctl

    def insert(self, image, log):
        self.image, self.log = image, log
        # All of one size: a partition is mapped once.
        self.memory = bytearray(b"".join(bytes(one) for one in image.blocks[FILE_BLOCKS:]))

    def umount(self, path):
        raise OSError(22)

    def mount(self, slot, path):
        self.mounted = slot

    def _rom_ioctl(self, request, partition, *arguments):
        if request == 2:
            return memoryview(self.memory)
        if request == 6:
            return BLOCK
        at, data = arguments
        block, offset = FILE_BLOCKS + at // BLOCK, at % BLOCK
        if request == 3:
            self._do((block, 0, None))
        else:
            before = self.memory[at : at + len(data)]
            if before != b"\xff" * len(data) or offset + len(data) > BLOCK or len(data) % 32:
                raise ValueError("misuse of the partition")
            self._do((block, offset, bytes(data)))
        begin = at - offset
        self.memory[begin : begin + BLOCK] = self.image.blocks[block]
        return 0

    def _do(self, operation):
        if self.log is not None:
            self.log.append(operation)
        self.image.apply(operation)


class Files(Chip):
    def ioctl(self, request, argument):
        return FILE_BLOCKS if request == 4 else super().ioctl(request, argument)
