"""What systemd is told: READY, STATUS, WATCHDOG and STOPPING, as sd_notify(3) describes.

Called by the gateway's own thread after each turn, so a thread that hangs is silent and systemd
starts the service again. Without systemd nothing is said to nobody.
"""

import contextlib
import os
import socket
from collections.abc import Mapping

# Told twice in the time that systemd waits for it.
_TIMES = 2
_STATUS_S = 10.0


class Notifier:
    """`environment` is the process' own. One thread only; never raises."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._socket: socket.socket | None = None
        self._every_s = _watchdog_s(environment)
        self._due_s = 0.0
        self._status_due_s = 0.0
        self._status = ""
        address = environment.get("NOTIFY_SOCKET", "")
        # A path, or the abstract name space; other families are for virtual machines.
        if address[:1] not in ("/", "@"):
            return
        found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        found.setblocking(False)
        try:
            found.connect("\0" + address[1:] if address[0] == "@" else address)
        except OSError:
            found.close()
            return
        self._socket = found

    def ready(self) -> None:
        """The service has started."""
        self._send("READY=1")

    def turned(self, now_s: float, status: str) -> None:
        """The thread is alive; `status` for `systemctl status`, where it changed."""
        if self._every_s is not None and now_s >= self._due_s:
            self._due_s = now_s + self._every_s
            self._send("WATCHDOG=1")
        if status != self._status and now_s >= self._status_due_s:
            self._status, self._status_due_s = status, now_s + _STATUS_S
            self._send("STATUS=" + status.replace("\n", " ")[:200])

    def stopping(self) -> None:
        """The service ends in order."""
        self._send("STOPPING=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, line: str) -> None:
        if self._socket is not None:
            # systemd is away, or reads slowly: the next turn tells again what matters.
            with contextlib.suppress(OSError):
                self._socket.send(line.encode())


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """How often to tell; None where nobody asks, or asks another process."""
    try:
        limit_s = int(environment.get("WATCHDOG_USEC", "0")) / 1e6
        process = int(environment.get("WATCHDOG_PID", str(os.getpid())))
    except ValueError:
        return None
    return limit_s / _TIMES if limit_s > 0 and process == os.getpid() else None
