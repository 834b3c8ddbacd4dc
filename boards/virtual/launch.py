"""Becomes the interpreter on its terminal: `launch.py PARENT COMMAND ...` with the pty as 0, 1, 2.

A process of its own because a forked copy of a threaded program may not run Python code safely.
"""

import ctypes
import fcntl
import os
import signal
import sys
import termios

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)
    # Ctrl-C comes through this terminal; until MicroPython listens, nobody may die of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.execv(command[0], command)  # noqa: S606


main()
