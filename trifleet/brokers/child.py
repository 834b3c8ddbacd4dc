"""The process of a broker: started here, or by a supervisor that lends us its number."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from trifleet.brokers.common import LOOPBACK, BrokerError

_GONE_S = 5.0


class BrokerChild:
    """At most one process. Not for several threads."""

    def __init__(self, name: str, port: int, timeout_s: float) -> None:
        self._name = name
        self._port = port
        self._timeout_s = timeout_s
        self._child: subprocess.Popen[bytes] | None = None
        self._elsewhere: Callable[[], int | None] = lambda: None

    def lend(self, pid: Callable[[], int | None]) -> None:
        """A supervisor runs it: ask there for the process number."""
        self._elsewhere = pid

    @property
    def is_ours(self) -> bool:
        """Started here, so that it can be restarted here."""
        return self._child is not None

    @property
    def pid(self) -> int | None:
        """Of the process that runs now, or None."""
        if self._child is None:
            return self._elsewhere()
        return self._child.pid if self._child.poll() is None else None

    def start(self, command: Sequence[str], log_file: Path) -> None:
        """Returns when it takes connections. Raises BrokerError, and leaves nothing behind then."""
        try:
            with log_file.open("ab") as log:
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            raise BrokerError(f"{command[0]}: {error.strerror}") from error
        try:
            self.wait_until_ready()
        except BrokerError:
            self.end(signal.SIGKILL)
            raise

    def wait_until_ready(self) -> None:
        """Raises BrokerError when nobody listens within the start timeout."""
        end = time.monotonic() + self._timeout_s
        while time.monotonic() < end:
            if self._child is not None and self._child.poll() is not None:
                raise BrokerError(f"{self._name} ended with status {self._child.returncode}")
            if listens(self._port):
                return
            time.sleep(0.02)
        raise BrokerError(f"no broker on {LOOPBACK}:{self._port}")

    def send(self, number: signal.Signals) -> bool:
        """False where nothing runs."""
        pid = self.pid
        if pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def restart_elsewhere(self) -> None:
        """End it; the supervisor that it was lent from starts it again."""
        self.send(signal.SIGTERM)

    def end(self, number: signal.Signals, patience_s: float = 10.0) -> None:
        """End what was started here, and all that it started."""
        if self._child is None:
            return
        child, self._child = self._child, None
        child.send_signal(number)
        try:
            child.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        # What it had started may take a moment to go, and the next start must not meet it.
        gone = time.monotonic() + _GONE_S
        while listens(self._port) and time.monotonic() < gone:
            time.sleep(0.02)


def listens(port: int) -> bool:
    """Does anybody take connections on loopback?"""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True
