"""The whole stack as a user starts it: `trifleet run` as a process, in a fresh folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from trifleet.layout import Layout
from trifleet.ports import free_port

# Modules that use one stack, one after the other; the last of them ends it.
COMMON = (
    "test_observed.py",
    "test_attacks.py",
    "test_ride_by_code.py",
    "test_codes.py",
    "test_gossip.py",
    "test_pages.py",
    "test_faults.py",
    "test_secrets.py",
    "test_enrolment.py",
    "test_notary_send.py",
    "test_held_back.py",
)


class RunningStack:
    """`trifleet run`, and what a test may know of it."""

    def __init__(self, data: Path, vehicles: int, *options: str) -> None:
        self.layout = Layout(data)
        self.vehicles = vehicles
        self._options = options
        self.port = free_port()
        self.output = data.parent / "run.out"
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def on_copy(cls, data: Path, prepared: Path, vehicles: int, *options: str) -> "RunningStack":
        """In a copy of a folder that is ready for a first start of its vehicles."""
        shutil.copytree(prepared, data)
        return cls(data, vehicles, *options)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, wait_s: float = 90.0) -> None:
        command = [sys.executable, "-m", "trifleet.cli", "run", "--vehicles", str(self.vehicles)]
        command += [
            "--port",
            str(self.port),
            "--data",
            str(self.layout.root),
            "--can-log",
            "--json",
            *self._options,
        ]
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        self.wait_for(self._said_ready, "the stack", wait_s)

    def stop(self) -> int:
        """Ctrl-C; returns the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        status = self._process.wait(timeout=30)
        self._process = None
        return status

    def kill_run(self) -> None:
        """kill -9 of `trifleet run` itself."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=10)
        self._process = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def pid_of(self, name: str) -> int:
        """Process number of one program; waits while it is being restarted."""
        found: list[int] = []

        def alive() -> bool:
            pid = json.loads(self.layout.run_file.read_text())["pids"].get(name)
            if pid is None or not Path(f"/proc/{pid}").exists():
                return False
            found.append(pid)
            return True

        self.wait_for(alive, name, 20.0)
        return found[-1]

    def kill(self, name: str) -> None:
        """kill -9, and wait until the supervisor has started it again."""
        old = self.pid_of(name)
        os.kill(old, signal.SIGKILL)
        self.wait_for(lambda: self.pid_of(name) != old, f"the next {name}", 20.0)

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if self._process is not None and self._process.poll() is not None:
                pytest.fail(f"the stack ended: {self.output.read_text()[-3000:]}")
            if time.monotonic() > end:
                pytest.fail(f"{what} did not come in {seconds} s\n{self._tail()}")
            time.sleep(0.05)

    def operator(self, path: str) -> dict[str, Any]:
        """GET with the operator's token."""
        token = self.layout.operator_token.read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.get(self.address + path, headers=headers, trust_env=False, timeout=10)
        assert answer.status_code == 200, answer.text
        value: dict[str, Any] = answer.json()
        return value

    def can_port(self, vehicle: str) -> int:
        for line in (self.layout.vehicle(vehicle) / "board.toml").read_text().splitlines():
            if line.startswith("can_port"):
                return int(line.split("=")[1])
        raise AssertionError("no can_port")

    def _said_ready(self) -> bool:
        text = self.output.read_text() if self.output.exists() else ""
        return self.layout.run_file.exists() and '"step": "ready"' in text

    def _tail(self) -> str:
        parts = [self.output.read_text()[-1500:]]
        for path in sorted(self.layout.logs.glob("*.log")):
            parts.append(f"--- {path.name}\n{path.read_text()[-1200:]}")
        return "\n".join(parts)


def processes_of(root: Path) -> list[str]:
    """Command lines of all processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(root) in line:
            found.append(line)
    return found
