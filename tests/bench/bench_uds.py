"""64 KiB of an update over the virtual bus at 500 kbit/s, and what it does to the frames of the
drive: counted on the bus, not estimated. The vehicle runs on a virtual board beside everything that
a vehicle's bus carries; the tester is the workbench's. Over the limit the exit code is 1.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/firmware"), str(ROOT / "firmware")]

from signer import OWNER, by_owner  # noqa: E402
from update_bundle import signed, trust  # noqa: E402
from vcu_bench import KEY, VEHICLE  # noqa: E402

from boards.virtual import VirtualBoard, VirtualBoardSettings  # noqa: E402
from hw.model.route import load_routes  # noqa: E402
from hw.model.simulation import Simulation, SimulationSettings  # noqa: E402
from hw.vehicle_config import load_vehicle  # noqa: E402
from hw.virtual_bus import VirtualBus  # noqa: E402
from protocol import can, release  # noqa: E402
from protocol.errors import DecodeError  # noqa: E402
from trifleet.vehicle_file import config_file  # noqa: E402
from workbench.application import collect_application  # noqa: E402
from workbench.bench import on_bench  # noqa: E402
from workbench.flash import flash_application  # noqa: E402
from workbench.identity import Identity  # noqa: E402
from workbench.provision import provision  # noqa: E402
from workbench.release import bundle  # noqa: E402
from workbench.uds import update  # noqa: E402
from workbench.uds.tester import VehicleTester  # noqa: E402

MODEL = "delta-passenger"
BYTES = 64 << 10
LIMIT_S = 4.0
CYCLE_S = 0.020
JITTER_S = 0.002
READY_S = 20.0
DRIVE = 0x050


class EnoughError(Exception):
    """So many bytes were sent as are measured."""


class Drives:
    """Each VCU_Drive of a bus with its time; also a context manager."""

    def __init__(self, bus: VirtualBus) -> None:
        self.at_s: list[float] = []
        self.wrong = 0  # that do not decode, or enable the drive
        self._port = bus.attach(self._take, {DRIVE})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._port.close()

    def wait(self, within_s: float) -> None:
        """Until the vehicle is there."""
        end_s = time.monotonic() + within_s
        while not self.at_s:
            assert time.monotonic() < end_s, "the vehicle does not speak"
            time.sleep(0.01)

    def late(self) -> int:
        """Gaps of more than two cycles: a frame that was more than one cycle late."""
        gaps = [after - before for before, after in itertools.pairwise(self.at_s)]
        return sum(gap > 2 * CYCLE_S + JITTER_S for gap in gaps)

    def _take(self, identifier: int, data: bytes) -> None:
        self.at_s.append(time.monotonic())
        try:
            _, signals, _ = can.decode(identifier, data)
            self.wrong += bool(signals["Enable"])
        except DecodeError:
            self.wrong += 1


def provisioned(path: Path) -> None:
    """A board's image with the application, an identity, and keys whose releases it believes."""
    with VirtualBoard(VirtualBoardSettings(image=path)) as board:
        flash_application(board.tty)
        identity = Identity(VEHICLE, OWNER.thumbprint, KEY, int(time.time()) - 3600)
        provision(board.tty, identity, config=config_file(load_vehicle(MODEL)))
        with on_bench(board.tty) as bench:
            bench.files.write("release", trust())


def next_release() -> bundle.Bundle:
    """This checkout's application, signed by two of three keys of this run."""
    files = list(collect_application(ROOT))
    return signed(bundle.build(files, "virtual", "9.9.9", 9, 1, release.ROMFS))


def sign(vehicle: str, challenge: bytes, action: int, args: dict[int, object]) -> bytes:
    return by_owner(challenge, action, args)


@contextmanager
def visit(image: Path) -> Iterator[tuple[VehicleTester, Drives]]:
    """A tester on the bus of a vehicle that is there."""
    model = load_vehicle(MODEL)
    with (
        VirtualBus("127.0.0.1", port=0) as bus,
        Simulation(bus, model, load_routes()[0], seed=1, settings=SimulationSettings()),
        Drives(bus) as drives,
        VirtualBoard(VirtualBoardSettings(image=image, can_port=bus.port)),
    ):
        drives.wait(READY_S)
        with VehicleTester.connect(f"socket://127.0.0.1:{bus.port}") as tester:
            end_s = time.monotonic() + READY_S
            while not tester.read("parked"):
                assert time.monotonic() < end_s, "the vehicle does not come to a stand"
            yield tester, drives


def measure() -> dict[str, object]:
    new = next_release()
    times: list[tuple[int, float]] = []

    def progress(done: int, _total: int) -> None:
        times.append((done, time.monotonic()))
        if done >= BYTES:
            raise EnoughError

    with tempfile.TemporaryDirectory(prefix="trifleet-bench-") as folder:
        image = Path(folder) / "flash.img"
        provisioned(image)
        with visit(image) as (tester, drives):
            tester.identify()  # loads what serves it
            missed = tester.read("missed_frames")
            before = os.times()
            try:
                update.install(tester, new.data, new.digest, sign, progress=progress)
            except EnoughError:
                after = os.times()
            begin_s, end_s = times[0][1], times[-1][1]
            drives.at_s = [at_s for at_s in drives.at_s if begin_s <= at_s <= end_s]
            late, frames = drives.late(), len(drives.at_s)
            missed_now = tester.read("missed_frames")
    sent, took_s = times[-1][0] - times[0][0], end_s - begin_s
    return {
        "measurement": "64 KiB of an update by UDS, 500 kbit/s",
        "seconds": round(took_s * BYTES / sent, 2),
        "bytes_per_s": round(sent / took_s),
        "drive_frames": frames,
        "over_one_cycle_late": late,
        "missed_by_the_vehicle": int(missed_now or 0) - int(missed or 0),
        "tester_and_bus_processor_s": round(
            after.user + after.system - before.user - before.system, 2
        ),
        "load_of_this_machine": round(os.getloadavg()[0], 1),
        "limit_s": LIMIT_S,
    }


def main() -> int:
    found = measure()
    print(json.dumps(found), flush=True)
    return int(float(str(found["seconds"])) > LIMIT_S or bool(found["over_one_cycle_late"]))


if __name__ == "__main__":
    sys.exit(main())
