"""A process with several real gateways, each in a thread; it is there to be killed.

Its argument is a JSON file. What is wrong for good is told in `faults` of a gateway's folder.
"""

import json
import sys
import threading
import time
import traceback
from pathlib import Path

# Before anything takes a reference to it: this computer's clock may be set to any time.
_real_time = time.time
_offset_file: Path | None = None


def _set_time() -> float:
    try:
        offset = float(_offset_file.read_text()) if _offset_file else 0.0
    except (OSError, ValueError):
        offset = 0.0
    return _real_time() + offset


time.time = _set_time

from fed_bus import FedBus, FedVehicle, Script  # noqa: E402

from edge_gateway import main as gateway_main  # noqa: E402
from edge_gateway.errors import GatewayError  # noqa: E402
from edge_gateway.settings import load  # noqa: E402
from trifleet.commands.common import log_to_stderr, stop_on_signals  # noqa: E402

_AGAIN_S = 0.5


def main() -> None:
    global _offset_file
    asked = json.loads(Path(sys.argv[1]).read_text())
    log_to_stderr()
    stop = stop_on_signals()
    folder = Path(asked["folder"])
    _offset_file = Path(asked["offset_file"])
    script = Script(**asked["script"])
    FedBus.wall_s = staticmethod(_real_time)
    FedBus.vehicles = {
        one["vehicle"]: FedVehicle(
            one["vehicle"],
            bytes.fromhex(one["key"]),
            script,
            Path(asked["vehicles"]) / f"{one['vehicle']}.stored",
        )
        for one in asked["gateways"]
    }
    gateway_main.VehicleBus = FedBus  # type: ignore[misc, assignment]
    threads = [
        threading.Thread(target=_run, args=(folder / one["gateway"], stop), daemon=True)
        for one in asked["gateways"]
    ]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join(10)


def _run(folder: Path, stop: threading.Event) -> None:
    """As a supervisor would: again, whatever it ended by."""
    while not stop.is_set():
        try:
            gateway_main.run(load(folder / "gateway.toml"), stop)
        except GatewayError as error:
            print(f"{folder.name}: {error}", file=sys.stderr)
        except Exception:
            with (folder / "faults").open("a") as file:
                file.write(traceback.format_exc() + "\n")
        stop.wait(_AGAIN_S)


if __name__ == "__main__":
    main()
