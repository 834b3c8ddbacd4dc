"""Measures a gateway at a full bus: processor and memory of its own process; prints JSON.

Run with `python -m tests.bench.bench_gateway [--seconds N] [--buses N]`. A simulated slcan adapter
sends classic frames of eight bytes at 100 % of 500 kbit/s, among them a vehicle's telemetry records
(ISO-TP, ten a second), all of which end acknowledged at a backend behind the embedded broker. The
gateway sees every frame: no acceptance filter spares it any. The limit is in the same line.
"""

import argparse
import json
import os
import re
import select
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "edge_gateway"))
from gateway_site import Stand
from gateway_stand import RECORD_KEY

from edge_gateway.batch import Part
from edge_gateway.clock import Reading
from edge_gateway.outbox import Outbox
from protocol import link, record, statement
from protocol.mac import Hmac

# A data frame of 11 bits and eight bytes: 44 bits of frame, 64 of data, 3 between frames, and a
# stuff bit for every tenth of what can be stuffed, as random data have it (ISO 11898-1).
FRAME_BITS = 44 + 64 + 3 + 10
FRAMES_S = 500_000 // FRAME_BITS
RECORDS_S = 10
LIMIT_PERCENT, LIMIT_MB = 25, 80
_CYCLIC = [b"t%03X8%016X\r" % (0x100 + n, n * 0x0123456789ABCD) for n in range(16)]
_PIECE_S = 0.005
_NOW = Reading(1_800_000_000, statement.NETWORK, 30)


class FullBus:
    """An adapter whose bus has no room left; a vehicle on it sends records."""

    def __init__(self, vehicle: str, port: int) -> None:
        self._vehicle = vehicle
        self._listener = socket.create_server(("127.0.0.1", port))
        self._seal = Hmac(RECORD_KEY).tag
        self._waiting: list[bytes] = []
        self._frames: list[bytes] = []
        self._stop = threading.Event()
        self.records = 0
        self.frames = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._listener.close()

    def _run(self) -> None:
        line, _ = self._listener.accept()
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting = [link.encode_hello(self._vehicle, 1, "bench")]
        began, sent, next_record = time.monotonic(), 0, 0.0
        while not self._stop.is_set():
            now = time.monotonic() - began
            if now >= next_record:
                next_record += 1 / RECORDS_S
                self._waiting.append(link.pack(link.RECORD, self._record()))
            due = int(now * FRAMES_S) - sent
            try:
                line.sendall(b"".join(self._next(number) for number in range(due)))
                self._hear(line)
            except OSError:
                return
            sent += due
            self.frames = sent
        line.close()

    def _next(self, number: int) -> bytes:
        """A frame of the vehicle where one is due, else a cyclic one."""
        if not self._frames and self._waiting:
            message = self._waiting.pop(0)
            first = bytes((0x10 | len(message) >> 8, len(message) & 255)) + message[:6]
            rest = [message[at : at + 7] for at in range(6, len(message), 7)]
            pieces = [bytes((0x20 | n & 15,)) + part for n, part in enumerate(rest, 1)]
            # None: nothing follows before the gateway's flow control.
            self._frames = [_line(first), b"", *map(_line, pieces)]
        if self._frames and self._frames[0]:
            return self._frames.pop(0)
        return _CYCLIC[number % len(_CYCLIC)]

    def _hear(self, line: socket.socket) -> None:
        if select.select([line], [], [], _PIECE_S)[0]:
            data = line.recv(65_536)
            if not data:
                raise OSError("closed")
            if b"t5108" in data or b"t5103" in data:
                self._frames = [frame for frame in self._frames if frame]

    def _record(self) -> bytes:
        values = {key: 1_000 * key + self.records * 7 % 97 for key in range(20)}
        made = record.Record(
            self._vehicle, 1, self.records, self.records * 100, 0, record.TELEMETRY, values
        )
        self.records += 1
        return record.encode(made, self._seal)


def _line(data: bytes) -> bytes:
    return b"t5188%s\r" % data.ljust(8, b"\xcc").hex().upper().encode()


def processor_s(pid: int) -> float:
    """Seconds of user and system time that a process took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def highest_mb(pid: int) -> float:
    """The most memory that it ever had resident."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def measure(seconds: float, buses: int) -> dict[str, object]:
    """One gateway with so many full buses."""
    with tempfile.TemporaryDirectory() as folder:
        stand = Stand(Path(folder), with_bus=False)
        adapters = [FullBus("trike-7", stand.can_port)]
        more = ""
        for number in range(1, buses):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            adapters.append(FullBus(f"trike-7{number}", port))
            more += f'[[bus]]\nvehicle = "trike-7{number}"\ninterface = "slcan"\n'
            more += f'channel = "socket://127.0.0.1:{port}"\n'
        config = Path(folder) / "gw" / "gateway.toml"
        text = config.read_text().replace("acceptance_filter = true\n", "")
        text = text.replace("event_ms = 50", "event_ms = 200").replace("_ms = 100", "_ms = 1000")
        config.write_text(text.replace("[mqtt]", more + "[mqtt]"))
        try:
            return _measure(stand, adapters, seconds)
        finally:
            for adapter in adapters:
                adapter.close()
            stand.close()


def _measure(stand: Stand, adapters: list[FullBus], seconds: float) -> dict[str, object]:
    stand.broker.start()
    stand.gateway.start()
    time.sleep(4.0)
    pid = stand.gateway.pid
    frames = sum(adapter.frames for adapter in adapters)
    records, before = len(stand.backend.records()), processor_s(pid)
    started = time.monotonic()
    time.sleep(seconds)
    wall = time.monotonic() - started
    percent = 100 * (processor_s(pid) - before) / wall
    frames = sum(adapter.frames for adapter in adapters) - frames
    return {
        "measure": "gateway at a full bus",
        "buses": len(adapters),
        "frames_s": round(frames / wall),
        "bus_load_percent": round(100 * frames * FRAME_BITS / wall / 500_000 / len(adapters)),
        "records_s_at_the_backend": round((len(stand.backend.records()) - records) / wall, 1),
        "percent_of_a_core": round(percent, 1),
        "limit_percent": LIMIT_PERCENT,
        "highest_mb": round(highest_mb(pid), 1),
        "limit_mb": LIMIT_MB,
        "faults": stand.backend.faults,
    }


def outbox_sizes() -> list[dict[str, object]]:
    """What a statement takes in the outbox, and thirty days at one a minute."""
    out: list[dict[str, object]] = []
    for samples in (1, 8, 50):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "outbox.db"
            outbox = Outbox(file, "gw-7", lambda message: os.urandom(64), 256 << 20)
            records = [_sample(number) for number in range(samples)]
            for _ in range(4):
                outbox.store_parts([Part(records, samples)] * 360, _NOW, "trike-7", {})
            outbox.scrub()
            size = file.stat().st_size
            outbox.close()
        out.append(
            {
                "measure": "outbox",
                "samples_in_a_statement": samples,
                "bytes_of_a_statement": size // 1_440,
                "mb_of_30_days_at_one_a_minute": round(size * 30 / 2**20),
            }
        )
    return out


def _sample(number: int) -> bytes:
    """Every value, changing as those of a ride do."""
    values = {key: 1_000 * key + number * (key + 1) * 37 % 997 for key in range(20)}
    made = record.Record("trike-7", 1, number, number, 0, record.TELEMETRY, values)
    return record.encode(made, Hmac(RECORD_KEY).tag)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--buses", type=int, default=1)
    parser.add_argument("--no-outbox", action="store_true", help="leave the outbox's sizes out")
    options = parser.parse_args()
    print(json.dumps(measure(options.seconds, options.buses)), flush=True)
    for line in () if options.no_outbox else outbox_sizes():
        print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
