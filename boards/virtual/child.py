"""The interpreter as a child process on a terminal of its own."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import tty
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from boards.errors import InterpreterError

DEVICE_FOLDER = Path(__file__).with_name("device")
_LAUNCHER = Path(__file__).with_name("launch.py")


def find_interpreter() -> Path:
    """MicroPython beside this Python, or else on the search path."""
    beside = Path(sys.executable).with_name("micropython")
    found = str(beside) if beside.exists() else shutil.which("micropython")
    if found is None:
        raise InterpreterError(f"no `micropython` beside {sys.executable} nor on the search path")
    return Path(found)


def open_raw_pty(*, signals: bool) -> tuple[int, int]:
    """A terminal that changes no byte: (our end, non-blocking; the other end)."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    if signals:  # Ctrl-C must interrupt the program that runs
        attributes = termios.tcgetattr(theirs)
        attributes[3] |= termios.ISIG
        termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    os.set_blocking(ours, False)
    return ours, theirs


@dataclass
class Child:
    """One run of the interpreter. `ended` becomes readable when the process is over."""

    process: subprocess.Popen[bytes]
    terminal: int
    ended: int

    def kill(self) -> None:
        """As a power cut: nothing of the program runs any more."""
        with suppress(ProcessLookupError):  # it ended by itself
            signal.pidfd_send_signal(self.ended, signal.SIGKILL)

    def interrupt(self) -> None:
        """Ctrl-C for the program that runs."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.ended, signal.SIGINT)

    def runs_program(self) -> bool:
        """MicroPython catches SIGINT while it runs code, and only then."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return False
        caught = int(status.partition("SigCgt:")[2].split(maxsplit=1)[0], 16)
        return bool(caught >> (signal.SIGINT - 1) & 1)

    def is_listening(self) -> bool:
        """The REPL reads. It switches its terminal's signals off last."""
        signals = termios.tcgetattr(self.terminal)[3] & termios.ISIG
        return not signals and not self.runs_program()

    def close(self) -> int:
        """Reaps the process; returns its exit code (negative: the signal)."""
        code = self.process.wait()
        os.close(self.terminal)
        os.close(self.ended)
        return code


def spawn(
    interpreter: Path, heap: str, env: Mapping[str, str], descriptors: Sequence[int]
) -> Child:
    """Starts MicroPython. It dies with the calling thread (PR_SET_PDEATHSIG)."""
    terminal, theirs = open_raw_pty(signals=True)
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid())]
    command = [str(interpreter), "-X", f"heapsize={heap}", "-i", "-c", "__import__('vstart')"]
    try:
        process = subprocess.Popen(
            launcher + command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=dict(env),
            pass_fds=tuple(descriptors),
            start_new_session=True,
        )
    except BaseException:
        os.close(terminal)
        raise
    finally:
        os.close(theirs)
    try:
        return Child(process, terminal, os.pidfd_open(process.pid))
    except OSError:  # no descriptor is left
        process.kill()
        process.wait()
        os.close(terminal)
        raise
