"""The running stack with one virtual vehicle: tap to drive enable, memory, jitter of the loop.

The simulated rider acts at once (0 s), so a tap is: sign, HTTP, MQTT, ISO-TP, three signature
checks in MicroPython (one when the grants are known), record, brake, VCU_Drive with Enable = 1.
"""

import itertools
import json
import queue
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from hw.errors import BusTimeoutError
from hw.virtual_bus.client import SlcanClient
from protocol import command
from tests.system.evidence import VCU_DRIVE, BusLog
from trifleet.client import RiderClient
from trifleet.ports import free_port
from trifleet.stack import Stack, StackSettings

UNLOCKS = 100
CYCLE_MS = 20.0
# Two requests that change something in each round; the API lets a client make 120 a minute.
PACE_S = 1.05


def main() -> int:
    unlocks = int(sys.argv[1]) if len(sys.argv) > 1 else UNLOCKS
    with tempfile.TemporaryDirectory(prefix="trifleet-bench-") as folder:
        settings = StackSettings(
            Path(folder) / "data", vehicles=1, port=free_port(), reaction_s=0.0, can_log=True
        )
        stack = Stack(settings)
        stop = threading.Event()
        try:
            stack.start(lambda step, words: None, stop)
            worker = threading.Thread(target=measure, args=(stack, unlocks, stop))
            worker.start()
            stack.tend_until(stop)
            worker.join()
        finally:
            stack.stop()
    return 0


def measure(stack: Stack, unlocks: int, stop: threading.Event) -> None:
    try:
        say("tap to drive enable", taps(stack, unlocks))
        say("memory", memory(stack))
        say("jitter of the 20 ms task", jitter(stack))
    finally:
        stop.set()


def say(what: str, values: dict[str, object]) -> None:
    print(json.dumps({"measurement": what, **values}), flush=True)


class EnableWatch:
    """Reads the bus all the time and notes when VCU_Drive.Enable goes from 0 to 1."""

    def __init__(self, port: int) -> None:
        self.rises: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._bus = SlcanClient(port, bitrate=500_000, listen_only=True)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        enabled = False
        while not self._stop.is_set():
            try:
                frame = self._bus.recv(timeout_s=0.2)
            except BusTimeoutError:
                continue
            if frame.identifier != 0x50:
                continue
            if frame.data[0] & 1 and not enabled:
                self.rises.put(time.monotonic())
            enabled = bool(frame.data[0] & 1)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._bus.close()


def taps(stack: Stack, unlocks: int) -> dict[str, object]:
    client = RiderClient(stack.address)
    client.register()
    granted = client.obtain_grant("trike-1", 4 * 3600)
    watch = EnableWatch(can_port(stack))
    waits = []
    try:
        for _ in range(unlocks):
            time.sleep(PACE_S)
            waits.append(tap(client, watch, granted))
            client.wait(client.command("trike-1", granted, command.LOCK), ("executed",), 60)
            assert watch.rises.empty()
    finally:
        watch.close()
        client.close()
    return figures(waits)


def figures(waits: list[float]) -> dict[str, object]:
    """The first unlock checks three signatures, later ones find the grants known."""
    later = sorted(waits[1:])
    return {
        "unlocks": len(waits),
        "first_ms": round(waits[0]),
        "p50_ms": round(statistics.median(later)),
        "p99_ms": round(later[int(len(later) * 0.99)]),
    }


def tap(client: RiderClient, watch: EnableWatch, granted: dict[str, object]) -> float:
    challenge = client.challenge("trike-1")
    begin = time.monotonic()
    client.send("trike-1", client.present("trike-1", granted, command.UNLOCK, challenge))
    return (watch.rises.get(timeout=20.0) - begin) * 1000


def can_port(stack: Stack) -> int:
    text = (stack.layout.vehicle("trike-1") / "board.toml").read_text()
    return int(text.split("can_port = ")[1].split("\n")[0])


def memory(stack: Stack) -> dict[str, object]:
    """Resident kilobytes, shared pages counted in each."""
    out: dict[str, object] = {}
    for name, child in stack.supervisor.children.items():
        status = Path(f"/proc/{child.pid}/status").read_text()
        out[name + "_mb"] = round(int(status.split("VmRSS:")[1].split()[0]) / 1024, 1)
    return out


def jitter(stack: Stack) -> dict[str, object]:
    frames = BusLog(stack.layout.vehicle("trike-1") / "can.log").frames()
    times = [moment for moment, identifier, _ in frames if identifier == VCU_DRIVE]
    gaps = sorted((b - a) * 1000 for a, b in itertools.pairwise(times))
    # The start of the interpreter is not a cycle.
    gaps = [gap for gap in gaps if gap < 1000]
    return {
        "cycles": len(gaps),
        "p50_ms": round(statistics.median(gaps), 2),
        "p99_ms": round(gaps[int(len(gaps) * 0.99)], 2),
        "longest_ms": round(gaps[-1], 2),
        "more_than_one_cycle_late": sum(gap > 2 * CYCLE_MS for gap in gaps),
    }


if __name__ == "__main__":
    sys.exit(main())
