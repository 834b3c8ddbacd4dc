"""What the bus and the ledger show, read by the tests themselves and not through the API."""

import os
import sqlite3
from collections import Counter
from pathlib import Path

from fleet_backend.ledger.keys import load_log_key, log_signer
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from protocol import link, record
from protocol.errors import DecodeError
from trifleet.installation import origin
from trifleet.layout import Layout

VCU_DRIVE = "050"
VCU_RECORD = "518"


class BusLog:
    """The candump file of one vehicle's bus, and the older part of it once it was too long."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._older = path.with_name(path.name + ".1")

    def mark(self) -> int:
        """A place to look from later."""
        return sum(path.stat().st_size for path in self._parts())

    def frames(self, start: int = 0) -> list[tuple[float, str, bytes]]:
        """(time, identifier, data) of every whole line since a mark."""
        read = b""
        for path in self._parts():
            with path.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(min(start, size))
                read += stream.read()
            start = max(0, start - size)
        lines = read.decode().split("\n")
        out = []
        for line in lines[:-1]:
            parts = line.split(" ")
            if len(parts) < 3 or "#" not in parts[2] or not parts[0].startswith("("):
                continue
            identifier, _, data = parts[2].partition("#")
            if data.startswith("R"):
                continue
            out.append((float(parts[0].strip("()")), identifier, bytes.fromhex(data)))
        return out

    def _parts(self) -> list[Path]:
        return [path for path in (self._older, self.path) if path.exists()]

    def drives(self, start: int = 0) -> list[bytes]:
        """The VCU_Drive frames since a mark."""
        return [data for _, identifier, data in self.frames(start) if identifier == VCU_DRIVE]

    def enables(self, start: int = 0) -> int:
        """How many VCU_Drive frames since a mark let the motor run."""
        drives = self.drives(start)
        assert drives, "no VCU_Drive on the bus at all: nobody was watching"
        return sum(data[0] & 1 for data in drives)

    def records(self) -> set[tuple[int, int]]:
        """(boot, seq) of every record that the vehicle ever sent, put together from ISO-TP."""
        found: set[tuple[int, int]] = set()
        for message in isotp_messages(self.frames(), VCU_RECORD):
            try:
                kind, payload = link.unpack(message)
                if kind == link.RECORD:
                    entry = record.decode_unverified(payload)
                    found.add((entry.boot, entry.seq))
            except DecodeError:
                continue  # a transfer that a dying gateway cut short
        return found


def isotp_messages(frames: list[tuple[float, str, bytes]], identifier: str) -> list[bytes]:
    """Messages of one ISO-TP sender (ISO 15765-2, normal addressing), as a bystander sees them."""
    out: list[bytes] = []
    buffer, wanted, number = b"", 0, 0
    for _, name, data in frames:
        if name != identifier or not data:
            continue
        kind = data[0] >> 4
        if kind == 0:
            out.append(data[1 : 1 + (data[0] & 15)])
        elif kind == 1:
            wanted = (data[0] & 15) << 8 | data[1]
            buffer, number = data[2:], 1
        elif kind == 2 and wanted and data[0] & 15 == number:
            buffer, number = buffer + data[1:], (number + 1) & 15
            if len(buffer) >= wanted:
                out.append(buffer[:wanted])
                wanted = 0
    return out


def ledger_reader(layout: Layout) -> LedgerReader:
    """A reader of the published files, trusting the log's key only."""
    verifier = log_signer(origin(layout), load_log_key(layout.log_key)).verifier
    return LedgerReader(FolderFetch(layout.ledger / "public"), verifier)


def stored_records(layout: Layout, vehicle: str) -> Counter[tuple[int, int]]:
    """(boot, seq) -> how often the database holds it."""
    with sqlite3.connect(f"file:{layout.database}?mode=ro", uri=True) as database:
        rows = database.execute(
            "select boot, seq from records where vehicle = ?"
            " union all select boot, seq from telemetry where vehicle = ?",
            (vehicle, vehicle),
        ).fetchall()
    return Counter((boot, seq) for boot, seq in rows)


def statements_without_leaf(layout: Layout) -> int:
    with sqlite3.connect(f"file:{layout.database}?mode=ro", uri=True) as database:
        query = "select count(*) from statements where leaf_index is null"
        return int(database.execute(query).fetchone()[0])


def stored_statements(layout: Layout) -> dict[int, bytes]:
    """leaf index -> statement, as the database has them."""
    with sqlite3.connect(f"file:{layout.database}?mode=ro", uri=True) as database:
        query = "select leaf_index, statement from statements where leaf_index is not null"
        return dict(database.execute(query).fetchall())


def gaps(layout: Layout) -> list[str]:
    """Gateways whose sequence numbers in the database are not 0, 1, 2, ..."""
    with sqlite3.connect(f"file:{layout.database}?mode=ro", uri=True) as database:
        query = "select gateway, count(*), max(seq) from statements group by gateway"
        rows = database.execute(query).fetchall()
    return [f"{name}: {count} of {last + 1}" for name, count, last in rows if count != last + 1]
