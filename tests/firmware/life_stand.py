"""Virtual boards with an application whose times are shortened; nothing else of it is changed."""

import contextlib
import shutil
import time
from pathlib import Path

from signer import OWNER
from vcu_bench import KEY, VEHICLE

from boards.virtual import VirtualBoard, VirtualBoardSettings
from hw.virtual_bus import VirtualBus
from protocol import can
from workbench.application import collect_application
from workbench.bench import on_bench
from workbench.flash import flash_application
from workbench.identity import Identity
from workbench.provision import provision

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 20.0
# A board whose ROMFS is no memory: the application lies in two folders, and its modules in RAM.
FOLDERS = {"image_bytes": 3 << 19, "rom_bytes": 0, "heap": "480k"}
SHORT_REST = [
    ("vcu/power.py", "REST_MS = (600_000, 60_000, 10_000, 10_000)", "REST_MS = (1,) * 4"),
    ("vcu/power.py", "QUIET_MS = 10_000", "QUIET_MS = 2_000"),
    ("vcu/power.py", "HOLD_MS = 60_000", "HOLD_MS = 1"),
    ("vcu/app.py", "LOOK_MS = 1_000", "LOOK_MS = 100"),
]


class Stand:
    """A provisioned board on a bus with nobody else. `frames`: (name, signals) of the VCU."""

    def __init__(self, bus, board):
        self.bus = bus
        self.board = board
        self.frames = []
        self.held_boots = 0  # how often it had started when a tool last let go of it
        self._tap = bus.attach(self._take, {0x050, 0x0A0, 0x701})

    def _take(self, identifier, data):
        self.frames.append(can.decode(identifier, data))

    def wait(self, condition, what="it did not happen"):
        end_s = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < end_s, what
            time.sleep(0.02)

    def talks(self):
        self.frames.clear()
        self.wait(lambda: any(frame[0] == "VCU_Heartbeat" for frame in self.frames), "no heartbeat")

    def is_silent(self, seconds=0.7):
        self.frames.clear()
        time.sleep(seconds)
        return not self.frames

    def state(self):
        return next(f[1]["State"] for f in reversed(list(self.frames)) if f[0] == "VCU_Lock")

    def put(self, name, data):
        with on_bench(self.board.tty) as bench:
            bench.files.write(name, data)
            self.held_boots = self.board.boots

    def close(self):
        self._tap.close()


class Images:
    """Flash images of boards with such an application, provisioned; each made once. `kind`: what
    all of them have that others do not, of VirtualBoardSettings."""

    def __init__(self, new_folder, kind=None):
        self.kind = kind or {}
        self._new_folder = new_folder
        self._made = {}

    def __call__(self, changes):
        name = str(changes)
        if name not in self._made:
            folder = self._new_folder("image")
            self._made[name] = folder / "flash.img"
            settings = VirtualBoardSettings(image=self._made[name], **self.kind)
            with VirtualBoard(settings) as board:
                board.set_analog("VSENSE", volts(12.7))
                flash_application(board.tty, changed(folder, *changes), confirm=False)
                identity = Identity(VEHICLE, OWNER.thumbprint, KEY, int(time.time()) - 3600)
                provision(board.tty, identity)
        return self._made[name]


@contextlib.contextmanager
def stands(images, folder):
    """Makes a board with the application changed so, the files put on it, the supply as it is."""
    with contextlib.ExitStack() as stack:

        def make(changes, files=(), supply_v=12.7):
            image = shutil.copy(images(changes), folder / "flash.img")
            bus = stack.enter_context(VirtualBus("127.0.0.1", port=0))
            settings = VirtualBoardSettings(Path(image), can_port=bus.port, **images.kind)
            board = stack.enter_context(VirtualBoard(settings))
            board.set_analog("VSENSE", volts(supply_v))
            made = Stand(bus, board)
            stack.callback(made.close)
            for name, data in files:
                made.put(name, data)
            return made

        yield make


def changed(tmp_path, *changes):
    """The application of this checkout with these places of its sources changed."""
    checkout = tmp_path / f"checkout{len(list(tmp_path.iterdir()))}"
    for folder in ("firmware", "protocol"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, checkout / folder, ignore=ignore)
    for name, old, new in changes:
        path = checkout / "firmware" / name
        text = path.read_text()
        assert old in text, (name, old)
        path.write_text(text.replace(old, new, 1))
    return collect_application(checkout)


def volts(value):
    return round(value * 1000 * 65_535 / 19_800)
