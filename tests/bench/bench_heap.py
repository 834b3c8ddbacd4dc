"""Heap of the whole firmware on the virtual board: after its imports, and with the vehicle built.

Of the 64-bit interpreter, whose objects are twice as large as a Cortex-M's. The board's own device
modules are in it; on a chip they are part of the interpreter.
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

# As main.py does, but stopping where the loop would begin.
STEPS = {
    "empty_board": "import gc; gc.collect(); print(gc.mem_alloc(), gc.mem_free())",
    "device_modules": "import machine, time, os\n"
    "gc.collect(); print(gc.mem_alloc(), gc.mem_free())",
    "firmware_imported": "gc.threshold(4096)\nfrom vcu import app\n"
    "gc.collect(); print(gc.mem_alloc(), gc.mem_free())",
    "vehicle_built": "b = app.Board()\nv = app.Vcu(b, app._software(), b.uptime.now())\n"
    "gc.collect(); print(gc.mem_alloc(), gc.mem_free())",
}


def main() -> int:
    identity = Identity(
        "trike-1", secrets.token_bytes(32), secrets.token_bytes(32), int(time.time())
    )
    result: dict[str, object] = {"measurement": "heap of the virtual board, kB in use and free"}
    with tempfile.TemporaryDirectory(prefix="trifleet-bench-") as folder, VirtualBus() as bus:
        settings = VirtualBoardSettings(Path(folder) / "flash.img", can_port=bus.port)
        with VirtualBoard(settings) as board:
            flash_application(board.tty)
            provision(board.tty, identity)
            with on_bench(board.tty) as bench:
                for name, code in STEPS.items():
                    used, free = bench.repl.exec(code).split()
                    result[name] = [round(int(used) / 1000, 1), round(int(free) / 1000, 1)]
    print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
