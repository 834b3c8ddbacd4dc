"""Keeps the programs of the stack running: starts them, restarts what dies, leaves none behind."""

import ctypes
import dataclasses
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from trifleet import rotation
from trifleet.errors import ChildError

log = logging.getLogger("trifleet.supervisor")

_PR_SET_PDEATHSIG = 1
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 5.0
# A program that ran this long was well: its next end starts with a short wait again.
_HEALTHY_S = 20.0
_STOP_S = 8.0
_LOGS_S = 5.0  # between two looks at how large the logs are


def _nothing() -> None:
    """Most programs need no preparation."""


@dataclasses.dataclass(frozen=True)
class Program:
    """How to start one child: a unique name, its command line (never a secret in it)."""

    name: str
    command: tuple[str, ...]
    log_file: Path
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    prepare: Callable[[], None] = _nothing  # before each start, restarts included


class Child:
    """One program and the process that runs it now."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.restarts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._next_start = 0.0
        self._wait_s = _FIRST_WAIT_S

    @property
    def pid(self) -> int | None:
        """The process that runs now, or None."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the process; it dies with us whatever happens to us."""
        self.program.prepare()
        self.program.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.program.log_file.open("ab") as output:
            self._process = subprocess.Popen(
                self.program.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.program.environment},
                start_new_session=True,  # Ctrl-C is ours alone; we end the children in order
                preexec_fn=die_with_parent(os.getpid()),
            )
        self._started = time.monotonic()

    def revive(self, now: float) -> bool:
        """Restart a process that ended, after a wait that grows; true if it was started now."""
        if self._process is None or self._process.poll() is None:
            return False
        if not self._next_start:
            if now - self._started > _HEALTHY_S:
                self._wait_s = _FIRST_WAIT_S
            self._next_start = now + self._wait_s
            self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)
            log.warning("%s ended with %s", self.program.name, self._process.returncode)
        if now < self._next_start:
            return False
        self._next_start = 0.0
        self.restarts += 1
        self.start()
        return True

    def stop(self, how: signal.Signals) -> None:
        """Send a signal to the process and all that it started."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, how)
            except ProcessLookupError:
                return

    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None


class Supervisor:
    """Children in the order of their start; they are stopped in the reverse order."""

    def __init__(self) -> None:
        self.children: dict[str, Child] = {}
        self._look_at_logs = 0.0

    def start(self, program: Program) -> Child:
        """Start one more program."""
        child = Child(program)
        self.children[program.name] = child
        child.start()
        return child

    def tend(self) -> bool:
        """Restart whatever died; true if anything was. Call it from the thread that starts."""
        now = time.monotonic()
        if now >= self._look_at_logs:
            self._look_at_logs = now + _LOGS_S
            self._bound_logs()
        return sum(child.revive(now) for child in self.children.values()) > 0

    def _bound_logs(self) -> None:
        """A log that cannot be bounded now, because the disk is full perhaps, is so later."""
        for path in {child.program.log_file for child in self.children.values()}:
            try:
                rotation.rotate(path)
            except OSError as error:
                log.warning("%s is not bounded: %s", path.name, error.strerror)

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Tend until `ready`. Raises ChildError naming what did not come."""
        end = time.monotonic() + seconds
        while not ready():
            self.tend()
            if time.monotonic() > end:
                raise ChildError(f"{what} is not ready after {seconds:.0f} s; see the logs folder")
            time.sleep(0.05)

    def stop(self) -> None:
        """End all children: asked first, forced after eight seconds; none is left."""
        alive = [child for child in reversed(self.children.values()) if not child.ended()]
        for child in alive:
            child.stop(signal.SIGTERM)
        end = time.monotonic() + _STOP_S
        while any(not child.ended() for child in alive) and time.monotonic() < end:
            time.sleep(0.02)
        for child in alive:
            # Also where the leader has ended: what it started may not have.
            child.stop(signal.SIGKILL)
        while any(not child.ended() for child in alive):
            time.sleep(0.01)


def die_with_parent(parent: int, how: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """For a child's `preexec_fn`: it gets `how` when the thread that started it ends."""
    libc = ctypes.CDLL(None, use_errno=True)

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, how)
        if os.getppid() != parent:
            os._exit(1)  # the parent went before prctl could take effect

    return in_child
