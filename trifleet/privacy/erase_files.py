"""Erases one rider from the files beside the database: logs, bus logs, outboxes, broker, journal.

Files that programs have open are changed in place; nothing that another rider needs is touched.
"""

import json
import os
import re
import signal
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from fleet_backend.fleet.errors import DatabaseError
from fleet_backend.fleet.sqlite import scrub
from fleet_backend.fleet.trace import Trace
from trifleet import rotation
from trifleet.brokers.embedded import ask_to_empty, empty_if_asked
from trifleet.layout import Layout

_BROKER_S = 30.0


def blank_logs(layout: Layout, trace: Trace) -> int:
    """Overwrite each line of the programs' logs that names him; returns how many."""
    pattern = _pattern(trace)
    count = 0
    for path in sorted(layout.logs.glob("*.log")):
        with rotation.locked(path):
            count += sum(_blank(one, pattern) for one in rotation.family(path))
    # What else lies there under such a name moves nowhere by itself.
    others = [path for path in layout.logs.glob("*.log*") if path not in _families(layout)]
    return count + sum(_blank(path, pattern) for path in others)


def lines_of(layout: Layout, trace: Trace) -> list[str]:
    """Each line of the programs' logs that names him."""
    pattern = _pattern(trace)
    return [
        line.decode(errors="replace")
        for path in sorted(layout.logs.glob("*.log*"))
        for line in path.read_bytes().splitlines()
        if pattern.search(line)
    ]


def _families(layout: Layout) -> set[Path]:
    return {one for path in layout.logs.glob("*.log") for one in rotation.family(path)}


def empty_bus_logs(layout: Layout, trace: Trace) -> int:
    """Empty the bus logs of the vehicles that he rode; returns how many files held something."""
    count = 0
    for vehicle in sorted({ride.vehicle for ride in trace.rides}):
        for path in layout.vehicle(vehicle).glob("can.log*"):
            count += path.stat().st_size > 0
            # In place: a board that runs goes on at the new end.
            os.truncate(path, 0)
    return count


def drop_journal(layout: Layout, trace: Trace) -> int:
    """Grants that were signed for him and not handed out; the issuer finds them gone."""
    count = 0
    for path in layout.issuer_journal.glob("*.signed"):
        data = path.read_bytes()
        if any(name in data for name in trace.names):
            path.unlink(missing_ok=True)
            count += 1
    return count


def rewrite_outboxes(layout: Layout) -> Iterable[tuple[str, int]]:
    """Take what was acknowledged out of the gateways' files here; (gateway, still waiting)."""
    for path in sorted(layout.root.glob("gateways/*/outbox.db")):
        scrub.rewrite(path)
        yield path.parent.name, _waiting(path)


def empty_broker(layout: Layout, *, running: bool, wait_s: float = _BROKER_S) -> bool:
    """Empty the broker's store; a broker that runs is restarted for it. False: not done yet."""
    if not layout.broker.is_dir():
        return True
    mark = ask_to_empty(layout.broker)
    if not running:
        empty_if_asked(layout.broker)
        return True
    end = time.monotonic() + wait_s
    stopped = -1
    while mark.exists():
        pid = _broker_pid(layout)
        if pid is not None and pid != stopped:
            os.kill(pid, signal.SIGTERM)
            stopped = pid
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _broker_pid(layout: Layout) -> int | None:
    """The broker of this folder and no other process, whatever the run file says."""
    try:
        pid = int(json.loads(layout.run_file.read_text())["pids"]["broker"])
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if str(layout.broker / "nats.conf").encode() in line else None


def _pattern(trace: Trace) -> re.Pattern[bytes]:
    words = [name.hex() for name in trace.names] + list(trace.requests)
    return re.compile("|".join(map(re.escape, words)).encode())


def _blank(path: Path, pattern: re.Pattern[bytes]) -> int:
    count = at = 0
    with path.open("r+b") as file:
        for line in file.read().splitlines(keepends=True):
            if pattern.search(line):
                text = line.rstrip(b"\r\n")
                file.seek(at)
                file.write(b"#" * len(text))
                count += 1
            at += len(line)
    return count


def _waiting(path: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as database:
            return int(database.execute("SELECT count(*) FROM statements").fetchone()[0])
    except sqlite3.Error as error:
        raise DatabaseError(f"{path}: {error}") from error
