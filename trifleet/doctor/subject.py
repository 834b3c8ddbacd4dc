"""The installation that is looked at: its folder, whether its stack runs, and what it is told."""

import errno
import json
import stat
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trifleet.layout import Layout

# A file of ours is small; one that is not is somebody else's.
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Running:
    """What run.json says, as far as it says it."""

    address: str
    mqtt_port: int
    pid: int
    pids: dict[str, int | None]


@dataclass(frozen=True)
class Subject:
    """Built once by `look_at`; `running` is None where no stack of this folder runs now."""

    layout: Layout
    running: Running | None
    now: float

    @property
    def database_url(self) -> str:
        """Of the settings that the API was given last; else the file of this folder."""
        value = read_toml(self.layout.config("api")).get("database_url")
        return value if isinstance(value, str) else f"sqlite:///{self.layout.database}"


def look_at(folder: Path) -> Subject:
    """Whatever state it is in."""
    layout = Layout(folder)
    found = read_run_file(layout)
    alive = found if found is not None and is_trifleet(found.pid) else None
    return Subject(layout, alive, time.time())


def read_run_file(layout: Layout) -> Running | None:
    """None where there is none that can be read."""
    try:
        value = json.loads(read_small(layout.run_file))
        pids = {str(name): _pid(pid) for name, pid in value["pids"].items()}
        return Running(str(value["address"]), int(value["mqtt_port"]), int(value["pid"]), pids)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def require_ordinary(path: Path) -> None:
    """Raises OSError for what is no file or cannot be found: opening a pipe would block us."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "no ordinary file", str(path))


def read_small(path: Path) -> bytes:
    """The beginning of a file. Raises OSError."""
    require_ordinary(path)
    with path.open("rb") as file:
        return file.read(_MOST_BYTES)


def read_toml(path: Path) -> dict[str, Any]:
    """Empty where it cannot be read: the check of the settings says so."""
    try:
        return tomllib.loads(read_small(path).decode())
    except (OSError, ValueError, RecursionError):
        return {}


def command_line(pid: int) -> str:
    """Of a process that runs; empty where there is none."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, OverflowError):
        return ""
    return line.replace(b"\0", b" ").decode(errors="replace")


def is_trifleet(pid: int) -> bool:
    """Process numbers are used again: a living one alone proves nothing."""
    return "trifleet" in command_line(pid)


def _pid(value: object) -> int | None:
    return value if type(value) is int else None
