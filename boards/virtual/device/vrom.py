# The ROMFS partition: memory that the program reads in place and that only rom_ioctl() changes.
# Stands for memory-mapped flash, so what lies in it is not counted as RAM: the interpreter got so
# much more heap, and gc.mem_alloc() leaves it out. Importing this module maps the partition.
import errno
import gc
import sys
import vboard
import vfs

BLOCK_BYTES = 4096
_BLANK = b"\xff" * 128  # small: a chip takes no heap to erase
_heap_before = gc.mem_alloc()
memory = bytearray(vboard.ROM_BYTES)
vboard.flash.seek(vboard.FLASH_BYTES)
vboard.flash.readinto(memory)
# In whole blocks of the heap, with the object itself.
MAPPED_BYTES = gc.mem_alloc() - _heap_before


def rom_ioctl(request, partition=0, *arguments):
    # As in the stm32 port; a refusal is a negative number.
    if request == 1:
        return 1
    if partition != 0:
        return -errno.EINVAL
    if request == 2:
        return memoryview(memory)
    if request == 3:
        begin, size = arguments if len(arguments) == 2 else (0, arguments[0])
        return _erase(begin, size)
    if request == 4:
        return _write(*arguments)
    if request == 5:
        return 0
    return BLOCK_BYTES if request == 6 else -errno.EINVAL


def _erase(begin, size):
    if begin % BLOCK_BYTES or begin < 0 or size < 0 or begin + size > len(memory):
        return -errno.EINVAL
    for at in range(begin, begin + size, BLOCK_BYTES):
        for part in range(at, at + BLOCK_BYTES, len(_BLANK)):
            memory[part : part + len(_BLANK)] = _BLANK
        _store(at, BLOCK_BYTES)
    return 4


def _write(begin, data):
    if begin < 0 or begin + len(data) > len(memory):
        return -errno.EINVAL
    view = memoryview(memory)[begin : begin + len(data)]
    if view == b"\xff" * len(data):
        view[:] = data
    else:  # not erased: flash can only clear bits
        for at in range(len(data)):
            view[at] &= data[at]
    _store(begin, len(data))
    return 0


def _store(begin, size):
    vboard.flash.seek(vboard.FLASH_BYTES + begin)
    vboard.flash.write(memoryview(memory)[begin : begin + size])


class _Extended:
    # A built-in module with one function more or another: modules cannot be changed.
    def __init__(self, module, **functions):
        for name in dir(module):
            if not name.startswith("__"):
                setattr(self, name, getattr(module, name))
        for name in functions:
            setattr(self, name, functions[name])


def _mem_alloc(mem_alloc=gc.mem_alloc):
    return mem_alloc() - MAPPED_BYTES


def install():
    # What every program imports from here on.
    if memory:
        sys.modules["vfs"] = _Extended(vfs, rom_ioctl=rom_ioctl)
        sys.modules["gc"] = _Extended(gc, mem_alloc=_mem_alloc)


def mount():
    # As a port's start does, unseen: boot.py looks at it and takes it away again where it must.
    try:
        vfs.mount(vfs.VfsRom(memoryview(memory)), "/rom")
    except OSError:
        return  # empty
    sys.path.append("/rom")
    sys.path.append("/rom/lib")
