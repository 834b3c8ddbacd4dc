# Runs first. Mounts the newer of two applications whose seal is right (docs/lifecycle.md): slots of
# the ROMFS partition, or the folders slot0 and slot1. One on trial (docs/updates.md) has so many
# starts; then the other one runs. What is wrong is said, and the REPL comes.
import hashlib
import os
import sys

import vfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HEADER = b"\xd2\xcd\x31"
_SEAL = b"\x01\x30TFS1"  # a record of 48 bytes that readers of ROMFS skip
_SAID = 40  # name, sequence, SHA-256 of what follows; then 8 bytes of a check, which name the seal
_SEALED = 48
_TRIAL = "trial"  # which seal, starts that are left, and these with all bits turned over


def _is_whole(seal: bytes) -> bool:
    return (
        len(seal) == _SEALED
        and seal[:4] == _SEAL[2:]
        and hashlib.sha256(seal[:_SAID]).digest()[:8] == seal[_SAID:]
    )


def _bounds(slot: memoryview) -> tuple[int, int]:
    # Behind the header: the size of the content, seven bits a byte.
    size = 0
    for at in range(3, 8):
        size = size << 7 | slot[at] & 0x7F
        if slot[at] < 0x80:
            return at + 1, at + 1 + size
    return 0, 0


def _seal_of_rom(slot: memoryview) -> "bytes | None":
    # Of the image in this slot; None: empty; nothing: not an image whose seal is right.
    if bytes(slot[:3]) != _HEADER:
        return None
    begin, end = _bounds(slot)
    begin += 2
    seal = bytes(slot[begin : begin + _SEALED])
    if not begin + _SEALED <= end <= len(slot) or bytes(slot[begin - 2 : begin]) != _SEAL[:2]:
        return b""
    if not _is_whole(seal) or hashlib.sha256(slot[begin + _SEALED : end]).digest() != seal[8:_SAID]:
        return b""
    return seal


def _add_folder(total: "Any", root: str, path: str, buffer: bytearray) -> None:
    for name in sorted(os.listdir(root + path)):
        inner = path + "/" + name
        status = os.stat(root + inner)
        if status[0] & 0x4000:
            _add_folder(total, root, inner, buffer)
            continue
        total.update(("%s %d\n" % (inner, status[6])).encode())
        with open(root + inner, "rb") as file:
            size = file.readinto(buffer)
            while size:
                total.update(memoryview(buffer)[:size])
                size = file.readinto(buffer)


def _seal_of_folder(root: str) -> "bytes | None":
    try:
        with open(root + ".seal", "rb") as file:
            seal = file.read(_SEALED + 1)
        if not _is_whole(seal):
            return b""
        total = hashlib.sha256()
        _add_folder(total, root, "", bytearray(512))
    except OSError:
        return None
    return seal if total.digest() == seal[8:_SAID] else b""


def _rom_slots() -> "list[Any]":
    try:
        memory, block = vfs.rom_ioctl(2, 0), vfs.rom_ioctl(6, 0)
        half = len(memory) // 2 // block * block
    except (AttributeError, OSError, TypeError):
        return []  # a board without such a partition
    return [memory[:half], memory[half : 2 * half]] if half else []


def _newest_first(seals: "list[bytes | None]") -> list[int]:
    for number in (0, 1):
        if seals[number] == b"":
            print("slot", number, "holds a damaged application, which is not run")
    order = [number for number in (0, 1) if seals[number]]
    if len(order) == 2 and seals[1][4:8] > seals[0][4:8]:  # type: ignore[index]
        order.reverse()
    return order


def _trial() -> tuple[bytes, int]:
    # Of a damaged file nothing is left: then the newest is on trial, and its starts are spent.
    try:
        with open(_TRIAL, "rb") as file:
            note = file.read(11)
    except OSError:
        return b"-", 0
    if len(note) != 10 or note[8] ^ note[9] != 0xFF:
        return b"", 0
    return note[:8], note[8]


def _is_counted(name: bytes, left: int) -> bool:
    try:
        os.stat("stay")
        return True  # a tool holds the application back: this is no start of it
    except OSError:
        pass
    try:
        # The file is there: littlefs replaces it in one step, when it is closed.
        with open(_TRIAL, "wb") as file:
            file.write(name + bytes((left, left ^ 0xFF)))
    except OSError:
        return False
    return True


def _choose(seals: "list[bytes | None]") -> "int | None":
    order = _newest_first(seals)
    name, left = _trial()
    for number in order:
        if name and seals[number][_SAID:] != name:  # type: ignore[index]
            return number
        # On trial. Counted before it runs: power may go at any moment.
        if len(order) == 1 or (left and _is_counted(name, left - 1)):
            return number
        print("slot", number, "did not pass its trial and is not run")
        name = b"-"
    return None


def _mount() -> "int | None":
    # What the start of the port mounted by itself was not looked at.
    try:
        vfs.umount("/rom")
    except OSError:
        pass  # there was nothing
    sys.path[:] = [path for path in sys.path if path[:4] != "/rom"]
    slots = _rom_slots()
    if slots:
        seals = [_seal_of_rom(slot) for slot in slots]
    else:
        seals = [_seal_of_folder("slot0"), _seal_of_folder("slot1")]
    chosen = _choose(seals)
    if chosen is None:
        print("no application")
        return None
    path = os.getcwd() + "/slot" + str(chosen)
    if slots:
        path = "/rom"
        vfs.mount(vfs.VfsRom(slots[chosen]), path)  # type: ignore[attr-defined]
    # First of all, so that no file beside it takes the place of what was sealed.
    sys.path.insert(0, path)
    return chosen


# Which slot runs; main.py and the application ask for it.
slot = _mount()
del _is_whole, _bounds, _seal_of_rom, _add_folder, _seal_of_folder, _rom_slots, _newest_first
del _trial, _is_counted, _choose, _mount
