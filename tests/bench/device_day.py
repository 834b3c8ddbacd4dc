# Runs in MicroPython: the application as main.py starts it, out of its image, on the bench's chip
# (device_chip.py). What the chip itself needs is made before it and left out of its heap. Prints
# the figures as one line of JSON.
import gc
import json
import os
import sys

import vfs
from device_chip import ADC, CAN, RTC, WDT, Flash, Pin
from device_time import BEGIN_MS, CAUSE, PERIOD_MS, START_S, Over, chip


def mount(path):
    """The application, and the flash as the current folder. Returns the flash."""
    image = bytearray(os.stat(path)[6])
    with open(path, "rb") as file:
        file.readinto(image)
    flash = Flash()
    vfs.mount(vfs.VfsRom(memoryview(image)), "/app")
    sys.path[:] = ["/app", ".frozen"]
    if flash.is_blank:
        vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    os.chdir("/flash")
    if flash.is_blank:
        for name in ("identity", "config"):
            with open(name, "wb") as file:
                file.write(bytes.fromhex(os.getenv("DAY_" + name.upper())))
        for number in range(len(flash.erases)):
            flash.erases[number] = flash.programs[number] = 0
        flash.bytes = 0
    return flash


class Stand:
    """A module, as the application imports it."""


def stand(name, **functions):
    made = Stand()
    for key in functions:
        setattr(made, key, functions[key])
    sys.modules[name] = made


def end(what, number):
    raise Over(what, number)


def sleep_ms(ms):
    chip.ms += ms


def install():
    stand(
        "machine", CAN=CAN, Pin=Pin, ADC=ADC, RTC=RTC, WDT=WDT, DEEPSLEEP=4,
        PWRON_RESET=1, HARD_RESET=2, WDT_RESET=3, DEEPSLEEP_RESET=4, SOFT_RESET=5,
        reset_cause=lambda: CAUSE, reset=lambda: end("reset", 0),
        deepsleep=lambda ms: end("sleep", ms), unique_id=lambda: b"day",
    )  # fmt: skip
    stand(
        "time", ticks_ms=lambda: chip.ms - BEGIN_MS, ticks_diff=lambda a, b: a - b,
        time=lambda: START_S + chip.ms // 1000, sleep_ms=sleep_ms,
    )  # fmt: skip
    stand(
        "gc", collect=chip.collect, mem_alloc=gc.mem_alloc, mem_free=gc.mem_free,
        threshold=gc.threshold,
    )  # fmt: skip


def run():
    """As main.py does; the keeper is looked at for its deadlines."""
    from vcu import app, start

    class Keeper(app.Keeper):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            chip.keeper = self

    app.Keeper = Keeper
    start.run()


flash = mount(os.getenv("DAY_APPLICATION"))
install()
chip.begin()
gc.threshold(4_096)
try:
    run()
    ended = ("returned", 0)
except Over as over:
    ended = over.args
crash = ""
try:
    with open("crash") as file:
        crash = file.read()
except OSError:
    pass  # it did not crash
if chip.period_end_ms - chip.ms < PERIOD_MS // 2:
    chip.end_period()
print(
    json.dumps(
        {
            "ended": ended,
            "crash": crash,
            "ms": chip.ms,
            "turns": chip.turns,
            "asked": chip.asked,
            "collections": chip.collections,
            "samples": chip.samples,
            "baseline": chip.baseline,
            "after_boot": chip.after_boot,
            "most_live": chip.most_live,
            "lives": list(chip.lives)[: chip.period],
            "peaks": list(chip.peaks)[: chip.period],
            "erases": list(flash.erases),
            "programs": list(flash.programs),
            "bytes": flash.bytes,
        }
    )
)
