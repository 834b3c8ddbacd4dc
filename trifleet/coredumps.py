"""No core dumps: the memory of a program holds its private keys.

A limit of zero bytes keeps the kernel from writing a file, and an undumpable process is not handed
to a program that collects dumps either (core(5)). Programs that are started from here on inherit
the first; each `trifleet` command does both for itself.
"""

import ctypes
import resource

_PR_SET_DUMPABLE = 4


def forbid() -> None:
    """For this process, for good."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
