"""A board of somebody else: MicroPython 1.9.2 for the micro:bit, on QEMU's Cortex-M0."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FIRMWARE = Path("/usr/share/firmware-microbit-micropython/firmware.hex")
_QEMU = [
    *("qemu-system-arm", "-M", "microbit", "-nographic", "-monitor", "none", "-serial", "pty"),
    *("-device", f"loader,file={FIRMWARE}"),
]


@contextmanager
def foreign_board() -> Iterator[str]:
    """Its port."""
    with subprocess.Popen(
        _QEMU, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as qemu:
        try:
            assert qemu.stdout is not None
            said = qemu.stdout.readline().decode()
            found = re.search(r"/dev/pts/[0-9]+", said)
            assert found is not None, said
            yield found[0]
        finally:
            qemu.kill()
