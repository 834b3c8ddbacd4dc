# What a port's main() does on a microcontroller: mount ROMFS and flash, run boot.py and main.py.
# A flash that is neither blank nor readable is reported and left alone, not formatted.
import os
import sys
import utime
import vboard
import vfs
import __main__
import vrom
from vflash import Flash


def mount_flash():
    flash = Flash()
    if flash.is_blank():
        vfs.VfsLfs2.mkfs(flash)
    try:
        vfs.mount(vfs.VfsLfs2(flash), "/flash")
    except OSError as error:
        print("flash: no readable file system:", error)
        return
    os.chdir("/flash")


def run(name):
    try:
        os.stat(name)
    except OSError:
        return
    print(BEGINS, end="")  # from here on Ctrl-C may come
    try:
        execfile(name, __main__.__dict__)
    except SystemExit:
        # A soft reset, as on hardware; the interpreter by itself would go to the REPL.
        vboard.ask(b"S")
        while True:
            utime.sleep_ms(1000)
    except BaseException as error:
        sys.print_exception(error)


def start():
    chip = vfs.VfsPosix(os.getenv("TRIFLEET_DEVICE"))
    vfs.umount("/")  # the host's files are out of reach from here on
    vfs.mount(chip, "/chip", readonly=True)
    sys.path[:] = ["", ".frozen"]
    vrom.mount()
    sys.path.extend(("/flash", "/flash/lib", "/chip"))
    vrom.install()
    mount_flash()
    run("boot.py")
    if os.getenv("TRIFLEET_REPL") != "raw":  # a soft reset in the raw REPL leaves main.py out
        run("main.py")


def say_over():
    # For the supervisor, which must learn it whatever comes in between.
    over = BEGINS + ENDS
    while True:
        try:
            print(over, end="")
            return
        except KeyboardInterrupt:
            continue  # it came too late for main.py


MARKER = os.getenv("TRIFLEET_MARKER")
BEGINS = MARKER + "<"
ENDS = MARKER + ">"
try:
    start()
finally:
    say_over()
