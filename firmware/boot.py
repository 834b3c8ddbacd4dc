# Runs first. Mounts the application at /rom: of the two halves of the ROMFS partition the newer
# image whose seal is right (docs/lifecycle.md). What is wrong is said, and the REPL comes.
import hashlib
import sys

import vfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = b"\xd2\xcd\x31"
_SEAL = b"\x01\x30TFS1"  # a record of 48 bytes that readers of ROMFS skip
_SAID = 42  # record head, name, sequence, SHA-256 of what follows; then 8 bytes of a check
_SEALED = 50


def _slots(memory: memoryview, block: int) -> "Iterator[memoryview]":
    half = len(memory) // 2 // block * block
    yield memory[:half]
    yield memory[half : 2 * half]


def _bounds(slot: memoryview) -> tuple[int, int]:
    # Behind the header: the size of the content, seven bits a byte.
    size = 0
    for at in range(3, 8):
        size = size << 7 | slot[at] & 0x7F
        if slot[at] < 0x80:
            return at + 1, at + 1 + size
    return 0, 0


def _sequence(slot: memoryview) -> int:
    # Of the image in this slot; -1: empty, -2: not an image whose seal is right.
    if bytes(slot[:3]) != _HEADER:
        return -1
    begin, end = _bounds(slot)
    seal = bytes(slot[begin : begin + _SEALED])
    if not begin + _SEALED <= end <= len(slot) or seal[:6] != _SEAL:
        return -2
    if hashlib.sha256(seal[2:_SAID]).digest()[:8] != seal[_SAID:]:
        return -2
    if hashlib.sha256(slot[begin + _SEALED : end]).digest() != seal[10:_SAID]:
        return -2
    return int.from_bytes(seal[6:10], "big")


def _newest(memory: memoryview, block: int) -> "memoryview | None":
    best, newest = None, -1
    for number, slot in enumerate(_slots(memory, block)):
        sequence = _sequence(slot)
        if sequence == -2:
            print("slot", number, "holds a damaged application, which is not run")
        if sequence > newest:
            best, newest = slot, sequence
    return best


def _mount() -> None:
    # What the start of the port mounted by itself was not looked at.
    try:
        vfs.umount("/rom")
    except OSError:
        pass  # there was nothing
    sys.path[:] = [path for path in sys.path if path[:4] != "/rom"]
    slot = _newest(vfs.rom_ioctl(2, 0), vfs.rom_ioctl(6, 0))
    if slot is None:
        print("no application")
        return
    vfs.mount(vfs.VfsRom(slot), "/rom")  # type: ignore[attr-defined]
    # First of all, so that no file beside it takes the place of what was sealed.
    sys.path.insert(0, "/rom")


_mount()
del _slots, _bounds, _sequence, _newest, _mount
