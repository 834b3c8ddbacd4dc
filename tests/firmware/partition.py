"""The module `vfs` of a board with a ROMFS partition, for CPython; and its boot.py as it is."""

import os
import sys
import types
from pathlib import Path

from workbench import romfs

BLOCK = 4096
SLOT = 4 * BLOCK
BOOT = compile((Path(__file__).resolve().parents[2] / "firmware/boot.py").read_text(), "b", "exec")


class Partition(types.ModuleType):
    """Flash: what is not erased cannot be written. `fails_at`: from this address on, nothing is
    taken, and it does not say so."""

    def __init__(self):
        super().__init__("vfs")
        self.memory = bytearray(b"\xff" * (2 * SLOT))
        self.VfsRom = bytes
        self.mounted = None
        self.writes = 0
        self.fails_at = 2 * SLOT

    def rom_ioctl(self, request, partition, *arguments):
        if request == 2:
            return memoryview(self.memory)
        if request == 6:
            return BLOCK
        at, data = arguments
        self.writes += 1
        if request == 3:
            if at % BLOCK or data != BLOCK:
                raise ValueError("erases are of blocks")
            self.memory[at : at + BLOCK] = b"\xff" * BLOCK
            return 0
        if set(self.memory[at : at + len(data)]) != {0xFF} or len(data) % 32 or at % 32:
            raise ValueError("written without an erase")
        if at < self.fails_at:
            self.memory[at : at + len(data)] = data
        return 0

    def put(self, number, image):
        self.memory[number * SLOT : number * SLOT + len(image)] = image

    def umount(self, path):
        raise OSError(22)

    def mount(self, slot, path):
        self.mounted = bytes(slot)

    def boot(self, folder):
        """(number of the slot, files of the application)."""
        here, path = os.getcwd(), list(sys.path)
        names = {"__name__": "__main__"}
        os.chdir(folder)
        try:
            exec(BOOT, names)
        finally:
            os.chdir(here)
            sys.path[:] = path
        if names["slot"] is None:
            return None, None
        image = self.mounted[: romfs.read_seal(self.mounted).image_bytes]
        found = {name: data.decode() for name, data in romfs.read_files(image).items()}
        return names["slot"], found
