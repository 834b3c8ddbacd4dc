"""The fault matrix: which system calls of a growing log can fail, and one fault at one of them.

strace counts the calls of a kind over the whole process, the interpreter's own included; so one run
without a fault tells which of them concern the log, and a run with a fault must hit that very call.
"""

import os
import re
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ledger_tools import (
    Child,
    check_and_go_on,
    cosign_and_publish,
    entries_of,
    new_log,
    open_log,
    size_that_can_be_checked,
)

from fleet_backend.ledger.policy import Policy

CALLS = ("fsync", "fdatasync", "link", "linkat", "rename", "renameat", "renameat2", "unlink",
         "unlinkat", "ftruncate", "write", "pwrite64", "openat", "mkdir")  # fmt: skip
KINDS = {
    "sync": ("fsync", "fdatasync"),
    "name": ("link", "linkat", "rename", "renameat", "renameat2", "mkdir"),
    "drop": ("unlink", "unlinkat", "ftruncate"),
    "write": ("write", "pwrite64"),
    "open": ("openat",),
}
FAULTS = ("signal=KILL", "error=EIO", "error=ENOSPC")
GROWTH = "1,1,1"
_CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<arguments>.*)$", re.MULTILINE)
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)


@dataclass(frozen=True)
class Log:
    """A log to be copied."""

    directory: Path
    size: int
    policy: Policy | None = None


@dataclass(frozen=True)
class Position:
    """The `at`-th call of this name in the life of the process."""

    call: str
    at: int


def copy_log(source: Path, target: Path) -> Path:
    """A copy that shares the published files, which a writer replaces and never changes."""
    shutil.copytree(source / "public", target / "public", copy_function=os.link)
    for path in source.iterdir():
        if path.is_file():
            shutil.copy(path, target / path.name)
    return target


def grow(log: "Log", directory: Path, trace: Path, *options: str) -> tuple[Child, int, str]:
    """Let a process append `GROWTH` under strace; its exit status and what it said."""
    prefix = ["strace", "-f", "-y", "-qq", "-s", "8", "-o", str(trace), *options]
    flags = ["cosigned"] if log.policy else []
    with Child(str(directory), "strace", GROWTH, *flags, prefix=prefix) as child:
        status, errors = child.finish()
    return child, status, errors


def _calls(trace: Path, directory: Path) -> list[tuple[Position, bool]]:
    """Every call in turn, and whether it concerns the log."""
    counts: Counter[str] = Counter()
    found = []
    for match in _CALL.finditer(trace.read_text(errors="replace")):
        name = match["name"]
        counts[name] += 1
        found.append((Position(name, counts[name]), str(directory) in match["arguments"]))
    return found


def positions(log: Log, work: Path) -> list[Position]:
    """Every call of the growth that can fail, from a run without a fault."""
    directory = copy_log(log.directory, work / "counted")
    trace = work / "counted.trace"
    child, status, _ = grow(log, directory, trace, "-e", "trace=" + ",".join(CALLS))
    assert status == 0
    assert len(child.acknowledged) == GROWTH.count("1")
    shutil.rmtree(directory)
    found = [position for position, concerns in _calls(trace, directory) if concerns]
    counts = Counter(position.call for position in found)
    # Each batch has its write-ahead record, tiles, checkpoint and lock database.
    assert counts["fsync"] >= 30
    assert counts["rename"] >= 3
    assert counts["link"] + counts["linkat"] >= 6
    assert counts["write"] >= 12
    assert counts["pwrite64"] >= 12
    assert counts["openat"] >= 40
    return found


def check_fault(log: Log, work: Path, fault: str, position: Position) -> None:
    """One fault at one call; afterwards the log is whole whatever it was."""
    directory, trace = copy_log(log.directory, work / "faulty"), work / "faulty.trace"
    size = log.size
    option = f"inject={position.call}:{fault}:when={position.at}"
    child, status, errors = grow(
        log, directory, trace, "-e", f"trace={position.call}", "-e", option
    )
    where = f"{option}: status {status}, {errors}"
    assert (position, True) in _calls(trace, directory), f"{where}: another call was hit"
    # A named error, or (house-keeping after the checkpoint is out) no matter at all.
    assert status in (_KILLED if "KILL" in fault else (3, 0)), where
    assert "Traceback" not in errors, where
    # Outsiders check it before any restart, and nothing that they saw goes away by one.
    assert max(size, child.seen) <= size_that_can_be_checked(directory) <= size + 3, where
    open_log(directory, log.policy).close()
    assert max(size, child.seen) <= size_that_can_be_checked(directory) <= size + 3, where
    acknowledged = {**dict(enumerate(entries_of(size))), **child.acknowledged}
    found = check_and_go_on(directory, acknowledged, option, log.policy)
    assert size + len(child.acknowledged) <= found <= size + 3, where
    shutil.rmtree(directory)


def log_of(directory: Path, size: int, policy: Policy | None = None) -> Log:
    entries = entries_of(size)
    new_log(directory).close()
    with open_log(directory, policy) as writer:
        for at in range(0, size, 60_000):
            writer.append(entries[at : at + 60_000])
        if policy:
            cosign_and_publish(writer)
    return Log(directory, size, policy)


def check_stop(log: Log, work: Path, position: Position) -> None:
    """SIGSTOP a writer at one call, start another, continue the first.

    The folder's lock does nothing, as on some network file systems: the lock database decides
    alone. One history, and the one that was overtaken stops and says so.
    """
    directory, trace = copy_log(log.directory, work / "stopped"), work / "stopped.trace"
    trace.unlink(missing_ok=True)
    option = f"inject={position.call}:signal=STOP:when={position.at}"
    prefix = ["strace", "-f", "-y", "-qq", "-o", str(trace), "-e", f"trace={position.call}"]
    arguments = (str(directory), "first", GROWTH, "no-flock")
    with Child(*arguments, prefix=[*prefix, "-e", option]) as first:
        process = _wait_for_stop(trace, option)
        assert (position, True) in _calls(trace, directory), f"{option}: another call was hit"
        with Child(str(directory), "other", "obey", "no-flock") as other:
            other_opened = other.read().startswith("open ")
            os.kill(process, signal.SIGCONT)
            first_end = first.finish()
            if other_opened:
                other.tell("2")
            other.end_input()
            other_end = other.finish()
    ends = (first_end, other_end)
    where = f"{option}: {ends}"
    # Nobody is overtaken where the first had done all of its work before.
    if len(first.acknowledged) < 3 or not other_opened:
        assert sorted(status for status, _ in ends) == [0, 3], where
    assert all(said.startswith("LockLostError") for status, said in ends if status), where
    check_and_go_on(directory, {**first.acknowledged, **other.acknowledged}, option)
    shutil.rmtree(directory)


def _wait_for_stop(trace: Path, option: str) -> int:
    """Process that strace has seen stop."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        text = trace.read_text(errors="replace") if trace.exists() else ""
        if match := re.search(r"^(\d+) +--- stopped by SIGSTOP", text, re.MULTILINE):
            return int(match[1])
        time.sleep(0.002)
    raise AssertionError(f"{option}: the process does not stop")
