"""What the wall clock says, where it has that from, and how far it may be off.

The kernel knows whether something disciplines its clock and bounds the error (adjtimex(2)); what
that something is, network or satellites, is said by the operator. A clock that nothing disciplines
any more is held over: its bound grows from the last one that was known.
"""

import ctypes
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from protocol import fields, statement

# An oscillator is off by at most so much; the kernel lets its own bound grow as fast (MAXFREQ).
_DRIFT_PPM = 500
_UNSYNCHRONIZED = 0x0040
_TIMEX_BYTES = 256


@dataclass(frozen=True)
class ClockSettings:
    """What disciplines the clock of this computer, and which leap is worth a statement."""

    reference: str = "network"
    jump_s: int = 2


REFERENCES = {"network": statement.NETWORK, "gnss": statement.GNSS}


class Reading(NamedTuple):
    """The time of a statement; `time` is 0 if and only if `clock` is UNSET."""

    time: int
    clock: int
    error_ms: int


class Kernel(NamedTuple):
    """What the kernel says of its clock."""

    synchronized: bool
    error_ms: int


class _Timex(ctypes.Structure):
    """The beginning of `struct timex`; nothing behind `status` is read."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * _TIMEX_BYTES),
    )


def read_kernel() -> Kernel | None:
    """adjtimex with nothing to change, which needs no right; None where it is not to be had."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        found = _Timex()
        if library.adjtimex(ctypes.byref(found)) < 0:
            return None
    except (OSError, AttributeError):
        return None
    return Kernel(not found.status & _UNSYNCHRONIZED, -(-max(0, found.maxerror) // 1000))


def steady_s() -> float:
    """Goes on while the computer sleeps, and nobody sets it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def known_time(now_s: float) -> int:
    """The time for a document: 0, "not known", while the clock is plainly not set."""
    return int(now_s) if 1_700_000_000 <= now_s <= fields.MAX_TIME else 0


class Clock:
    """One thread only. The three sources are for tests to replace."""

    def __init__(
        self,
        settings: ClockSettings = ClockSettings(),
        wall_s: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady_s,
        kernel: Callable[[], Kernel | None] = read_kernel,
    ) -> None:
        self._reference = REFERENCES[settings.reference]
        self._jump_s = settings.jump_s
        self._wall_s = wall_s
        self._steady = steady
        self._kernel = kernel
        self._offset_s = wall_s() - steady()
        # Of the last time that it was disciplined: the steady time, and the bound of the error.
        self._fix: tuple[float, int] | None = None

    def read(self) -> Reading:
        """The present time."""
        now = known_time(self._wall_s())
        if not now:
            self._fix = None
            return Reading(0, statement.UNSET, statement.UNKNOWN_ERROR)
        kernel = self._kernel()
        if kernel is not None and kernel.synchronized:
            error_ms = min(kernel.error_ms, statement.UNKNOWN_ERROR)
            self._fix = (self._steady(), error_ms)
            return Reading(now, self._reference, error_ms)
        return Reading(now, statement.HELD_OVER, self._held_over_ms())

    def jumped_s(self) -> int | None:
        """By how much the wall clock was set since the last call; None if not worth telling.

        After it nobody knows how far a clock that nothing disciplines is off.
        """
        offset_s = self._wall_s() - self._steady()
        jump_s, allowed = offset_s - self._offset_s, self._jump_s
        # What drifts, or is slewed, slowly is no jump.
        if abs(jump_s) < allowed:
            self._offset_s = offset_s
            return None
        self._offset_s = offset_s
        self._fix = None
        return round(jump_s)

    def _held_over_ms(self) -> int:
        if self._fix is None:
            return statement.UNKNOWN_ERROR
        since, error_ms = self._fix
        grown = error_ms + (self._steady() - since) * _DRIFT_PPM / 1000
        return min(int(grown) + 1, statement.UNKNOWN_ERROR)


def describe_host() -> str:
    """For `check`: what the kernel says now."""
    found = read_kernel()
    if found is None:
        return f"{os.uname().sysname} does not say whether its clock is set"
    if not found.synchronized:
        return "nothing disciplines this clock now: statements say `held over`"
    return f"disciplined, off by at most {found.error_ms} ms"
