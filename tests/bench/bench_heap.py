"""Heap of the whole firmware on the virtual board, executed in place out of ROMFS.

Of the 64-bit interpreter, whose objects are twice as large as a Cortex-M's; the mapped image is not
in the figures. The board's own device modules are counted apart: on a chip they are part of the
interpreter. Over the limit after boot the exit code is 1.
"""

import json
import secrets
import sys
import tempfile
import time
from pathlib import Path

from boards.virtual import VirtualBoard, VirtualBoardSettings
from hw.virtual_bus import VirtualBus
from workbench.bench import on_bench
from workbench.flash import flash_application
from workbench.identity import Identity
from workbench.provision import provision

LIMIT_BYTES = 152 * 1024
PRINT = "gc.collect(); print(gc.mem_alloc(), gc.mem_free())"
# As main.py does, but stopping where the loop would begin.
STEPS = {
    # The tool's Ctrl-C may have come while boot.py mounted the application.
    "empty_board": "import gc, sys\n'/rom' in sys.path or exec(open('boot.py').read())\n" + PRINT,
    "device_modules": "import machine, time, os, select\n"
    "c = machine.CAN(1, 500_000, mode=machine.CAN.MODE_SILENT)\n" + PRINT,
    "firmware_imported": "gc.threshold(4096)\nfrom vcu import start\nfrom vcu import app\n" + PRINT,
    "vehicle_built": "b = app.Board(1)\nv = app.build(b, False)\n"
    "k = app.Keeper(v, 0, b.uptime.now())\n" + PRINT,
}


def main() -> int:
    steps = measure()
    before, after = steps["device_modules"][0], steps["vehicle_built"][0]
    result: dict[str, object] = {"measurement": "heap of the virtual board, kB in use and free"}
    for name, figures in steps.items():
        result[name] = [round(figure / 1000, 1) for figure in figures]
    result["application_kib"] = round((after - before) / 1024, 1)
    result["application_kib_cortex_m"] = round((after - before) / 2048, 1)
    result["limit_kib"] = LIMIT_BYTES // 1024
    print(json.dumps(result), flush=True)
    return int(after - before > LIMIT_BYTES)


def measure() -> dict[str, list[int]]:
    """Bytes in use and free after each step."""
    identity = Identity(
        "trike-1", secrets.token_bytes(32), secrets.token_bytes(32), int(time.time())
    )
    found = {}
    with tempfile.TemporaryDirectory(prefix="trifleet-bench-") as folder, VirtualBus() as bus:
        settings = VirtualBoardSettings(Path(folder) / "flash.img", can_port=bus.port)
        with VirtualBoard(settings) as board:
            flash_application(board.tty)
            provision(board.tty, identity)
            with on_bench(board.tty) as bench:
                for name, code in STEPS.items():
                    found[name] = [int(word) for word in bench.repl.exec(code).split()]
    return found


if __name__ == "__main__":
    sys.exit(main())
