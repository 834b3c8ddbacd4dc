"""Runs in MicroPython: installs a release on real littlefs and a ROMFS partition, then starts the
board on every flash that a power cut could have left. `micropython update_cuts.py FORM MODE STRIDE`
with FOLDER in the environment. Prints one line of JSON.

FORM rom or folders. MODE once: every operation, clean and torn, and the same command finishes the
job. twice: every operation of the start that follows. back: the new application never passes.
A fourth argument seeds a fault that must be found.
"""

import json
import os
import sys

import vfs as real

HERE = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."
sys.path.insert(0, HERE)

from flash_device import BLOCK, Image  # noqa: E402
from update_flash import FILE_BLOCKS, ROM_BLOCKS, Files, Vfs  # noqa: E402

FOLDER = os.getenv("FOLDER")
FORM, MODE, STRIDE = sys.argv[1], sys.argv[2], int(sys.argv[3])
SEED = sys.argv[4] if len(sys.argv) > 4 else None
MOST_SHOWN = 20


def read(path):
    with open(path, "rb") as file:
        return file.read()


BUNDLE, DIGEST = read(FOLDER + "/new.tfr"), read(FOLDER + "/digest")
TRUST = read(FOLDER + "/release")
OLD, NEW = json.loads(read(FOLDER + "/files.json"))
BOOT = compile(read(FOLDER + "/boot.py").decode(), "boot.py", "exec")
vfs = sys.modules["vfs"] = Vfs(FORM == "rom")

from update_seeds import SEEDS  # noqa: E402
from update_stand import Stand  # noqa: E402
from vcu.flash import files  # noqa: E402
from vcu.update import seals  # noqa: E402
from vcu.update.folder_slots import FolderSlots  # noqa: E402
from vcu.update.rom_slots import RomSlots  # noqa: E402


def on_flash(image, log, act):
    vfs.insert(image, log)
    real.mount(real.VfsLfs2(Files(image, log)), "/f")
    os.chdir("/f")
    try:
        return act()
    finally:
        os.chdir("/")
        real.umount("/f")


def boot():
    """(slot, what runs); runs boot.py as it is."""
    names = {"__name__": "__main__"}
    vfs.mounted = None
    sys.path[:] = [path for path in sys.path if "/slot" not in path and path != "/rom"]
    exec(BOOT, names)
    if names["slot"] is None:
        return None, None
    if FORM == "rom":
        found = unpacked(bytes(vfs.mounted))
    else:
        found = {}
        collect(sys.path[0], "", found)
    return names["slot"], "old" if found == OLD else "new" if found == NEW else "mixed"


def collect(root, path, found):
    for name in os.listdir(root + path):
        inner = path + "/" + name
        if os.stat(root + inner)[0] & 0x4000:
            collect(root, inner, found)
        else:
            found[inner[1:]] = read(root + inner).decode()


def unpacked(image):
    found = {}
    real.mount(real.VfsRom(memoryview(image)), "/i")
    collect("/i", "", found)
    real.umount("/i")
    return found


def start(slot):
    return Stand("", RomSlots(slot) if FORM == "rom" else FolderSlots(slot))


def life(confirms=True):
    """From a start to the next reset: what ran, and what it told."""
    slot, runs = boot()
    if runs not in ("old", "new"):
        raise ValueError(f"runs: {runs}")
    stand = start(slot)
    if stand.vehicle.damage.total():
        raise ValueError(f"damage {stand.vehicle.damage.counts}")
    if stand.updates.holds() and confirms:
        stand.seconds(12)
    elif runs == "old" and confirms:
        code = stand.install(BUNDLE, DIGEST)
        if code:
            raise ValueError(f"not installed: {code}")
    return runs, stand


def finishes():
    """The same command again, until the new application is confirmed."""
    for _ in range(4):
        runs, stand = life()
        if runs == "new" and not stand.updates.holds():
            if (stand.kept.number, stand.kept.floor) != (7, 5):
                raise ValueError(f"kept {stand.kept.number} {stand.kept.floor}")
            if files.exists("trial"):
                raise ValueError("boot.py still counts")
            return []
    return ["never confirmed"]


def goes_back():
    """Nothing confirms it: then the old application runs for good, and says so."""
    told = []
    for _ in range(6):
        runs, stand = life(confirms=False)
        told += [stage for stage, _, _ in stand.vehicle.told]
    wrong = []
    if runs != "old" or stand.kept.trial[1] or files.exists("trial"):
        wrong.append(f"still on trial: {runs}")
    if stand.kept.failed and stand.install(BUNDLE, DIGEST) != 14:
        wrong.append("tried again")
    if 2 in told and 4 not in told:
        wrong.append(f"not told: {told}")
    return wrong


def play():
    if MODE == "back":
        life()
        for _ in range(4):
            life(confirms=False)
        return
    finishes()


def first_flash():
    image = Image(FILE_BLOCKS + ROM_BLOCKS)
    real.VfsLfs2.mkfs(Files(image))
    on_flash(image, None, prepare)
    return image


def prepare():
    files.write("release", TRUST)
    if FORM == "rom":
        # The old one runs from the second slot; in the first lies one that is older still.
        for slot, name in ((1, "old.img"), (0, "older.img")):
            data = read(FOLDER + "/" + name)
            for at in range(0, len(data), BLOCK):
                piece = data[at : at + BLOCK]
                piece += b"\xff" * (-len(piece) % 32)
                vfs.rom_ioctl(4, 0, slot * ROM_BLOCKS // 2 * BLOCK + at, piece)
        return
    os.mkdir("slot0")
    for path in sorted(OLD):
        if "/" in path and not files.exists("slot0/" + path.split("/")[0]):
            os.mkdir("slot0/" + path.split("/")[0])
        files.write("slot0/" + path, OLD[path].encode())
    total = vfs_hash("slot0")
    files.write("slot0.seal", seals.make(4, total))


def vfs_hash(folder):
    import hashlib

    from vcu.update.folder_slots import _add_folder

    total = hashlib.sha256()
    for _ in _add_folder(total, folder, ""):
        pass
    return total.digest()


def tried(image, act, log=None):
    try:
        return on_flash(image, log, act)
    except Exception as error:
        return [type(error).__name__ + ": " + str(error)]


def variants(image, operation):
    yield "clean", Image(like=image)
    torn = Image(like=image)
    torn.torn(operation)
    yield "torn", torn


def main():
    if SEED:
        SEEDS[SEED]()
    image = first_flash()
    log = []
    wrong = tried(Image(like=image), play, log) or []
    act = goes_back if MODE == "back" else finishes
    starts = 0
    for at in range(len(log) + 1):
        if SEED and wrong:
            break  # the first one is enough
        last = at == len(log)
        for how, flash in [("whole", Image(like=image))] if last else variants(image, log[at]):
            if at % STRIDE:
                continue
            if MODE == "twice":
                found, count = cut_again(flash)
            else:
                found, count = tried(flash, act), 1
            starts += count
            if found and len(wrong) < MOST_SHOWN:
                wrong.append([at, how, found])
        if not last:
            image.apply(log[at])
    print(json.dumps({"operations": len(log), "starts": starts, "wrong": wrong}))


def cut_again(flash):
    """At each operation of the start that follows, and of what it does first."""
    log = []
    again = Image(like=flash)
    wrong = tried(flash, lambda: life() and [], log)
    count = 1
    for number in range(len(log)):
        if number % STRIDE == 0:
            for how, second in variants(again, log[number]):
                count += 1
                found = tried(second, finishes)
                if found:
                    wrong = wrong + [number, how, found]
        again.apply(log[number])
    return wrong, count


main()
