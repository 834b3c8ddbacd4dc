# The flash chip: blocks of 4 KiB in the image file, for littlefs.
import vboard

BLOCK_BYTES = 4096
_ERASED = b"\xff" * 256


class Flash:
    def __init__(self):
        self._file = vboard.flash
        self._blocks = vboard.FLASH_BYTES // BLOCK_BYTES

    def readblocks(self, block, buffer, offset=0):
        self._file.seek(block * BLOCK_BYTES + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=0):
        self._file.seek(block * BLOCK_BYTES + offset)
        self._file.write(buffer)

    def ioctl(self, request, argument):
        if request == 4:
            return self._blocks
        if request == 5:
            return BLOCK_BYTES
        if request == 6:
            self._file.seek(argument * BLOCK_BYTES)
            for _ in range(BLOCK_BYTES // len(_ERASED)):
                self._file.write(_ERASED)
        return 0

    def is_blank(self):
        # littlefs keeps its superblock in the first two blocks.
        head = bytearray(len(_ERASED))
        for block in (0, 1):
            self.readblocks(block, head)
            if head != _ERASED:
                return False
        return True
