"""The machine below the installation: Python, packages, clock, disk, limits."""

import ctypes
import os
import re
import resource
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from trifleet.doctor.finding import Finding, Findings, fail, ok, warn
from trifleet.doctor.subject import Subject

LEAST_PYTHON = (3, 11)
_MB = 1 << 20
_FAIL_FREE = 256 * _MB
_WARN_FREE = 1024 * _MB
_FEW_INODES = 10_000
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.ASCII)
# A broker holds one connection a gateway; the ingest and the API hold files of their own.
_FILES_OF_A_PROGRAM = 256
_TIME_ERROR = 5
LOCK_FILE = Path(__file__).resolve().parents[2] / "requirements.txt"


def check_python(_: Subject) -> Findings:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < LEAST_PYTHON:
        yield fail("python", f"{found} is too old", "use Python 3.11 or newer: make clean setup")
    else:
        yield ok("python", found)


def check_packages(_: Subject) -> Findings:
    """Against the lock beside the sources."""
    try:
        lines = LOCK_FILE.read_text("utf-8").splitlines()
    except (OSError, ValueError):
        yield warn("packages", "no requirements.txt to compare with", "install with make setup")
        return
    yield compare_packages(lines)


def compare_packages(lines: Iterable[str]) -> Finding:
    """The pins of a lock file against what is installed."""
    pins = [(found[1], found[2], ";" in line) for line in lines if (found := _PINNED.match(line))]
    other: list[str] = []
    absent: list[str] = []
    for name, pinned, is_for_some in pins:
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            if not is_for_some:
                absent.append(name)
            continue
        if installed != pinned:
            other.append(f"{name} {installed} (pinned {pinned})")
    if absent:
        return fail("packages", f"missing: {', '.join(absent)}", "run make setup")
    if other:
        return warn("packages", f"not as pinned: {', '.join(other)}", "run make setup")
    return ok("packages", f"{len(pins)} as pinned")


def check_clock(_: Subject) -> Findings:
    """The kernel's own word (adjtimex, modes 0: it only reads)."""
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    if 0 <= state < _TIME_ERROR:
        yield ok("clock", "synchronised")
        return
    remedy = "set it by NTP (chrony, systemd-timesyncd); in a container look at the host"
    yield warn("clock", "the kernel does not call it synchronised", remedy)


def check_disk(subject: Subject) -> Findings:
    found = os.statvfs(subject.layout.root)
    free = found.f_bavail * found.f_frsize
    share = found.f_bavail / found.f_blocks if found.f_blocks else 1.0
    text = f"{free // _MB} MB free ({share:.0%})"
    remedy = "make room, or shorten what is kept (privacy.toml, docs/privacy.md)"
    if free < _FAIL_FREE:
        yield fail("disk", text, remedy)
    elif free < _WARN_FREE or share < 0.05:
        yield warn("disk", text, remedy)
    else:
        yield ok("disk", text)
    if not found.f_files:
        return  # a file system that does not count them
    if found.f_favail < _FEW_INODES:
        yield warn("inodes", f"{found.f_favail} free", "delete small files on this file system")
    else:
        yield ok("inodes", f"{found.f_favail} free")


def check_open_files(subject: Subject) -> Findings:
    """The limit that programs started from here get, against one connection a gateway."""
    gateways = sum(1 for _ in subject.layout.root.glob("gateways/*/gateway.toml"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield judge_files(gateways, soft, hard)


def judge_files(gateways: int, soft: int, hard: int) -> Finding:
    """Each gateway is two connections at most: the new one while the old one ends."""
    needed = _FILES_OF_A_PROGRAM + 2 * gateways
    infinite = soft == resource.RLIM_INFINITY
    if infinite or soft >= needed:
        limit = "no limit" if infinite else str(soft)
        return ok("open files", f"{limit}, {needed} are enough for {gateways} gateways")
    remedy = f"ulimit -n {needed} before the start (LimitNOFILE= in a systemd unit)"
    if hard != resource.RLIM_INFINITY and hard < needed:
        remedy += f"; the hard limit is {hard}"
    return fail("open files", f"{soft}, {needed} are needed for {gateways} gateways", remedy)
