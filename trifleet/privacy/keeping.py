"""The operator's settings of how long data is kept: `privacy.toml` in the data folder.

    [retention]
    telemetry_days = 30

What is not named there keeps its default (docs/privacy.md).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fleet_backend.fleet.retention import RetentionSettings
from fleet_backend.fleet.settings import load
from trifleet.errors import InstallationError
from trifleet.layout import Layout


@dataclass(frozen=True)
class PrivacySettings:
    """The whole file."""

    retention: RetentionSettings = field(default_factory=RetentionSettings)


def retention(layout: Layout) -> RetentionSettings:
    """Raises the fleet's SettingsError, which names file and key."""
    if not layout.privacy.exists():
        return RetentionSettings()
    return load(layout.privacy, PrivacySettings).retention


@contextmanager
def one_at_a_time(layout: Layout) -> Iterator[None]:
    """Erasing and backing up exclude each other: a copy made meanwhile would be missed.

    Raises InstallationError where another is at work, and for what is no data folder.
    """
    require_finished(layout)
    if not (layout.root / "installation.json").is_file():
        raise InstallationError(f"{layout.root} is no data folder of trifleet")
    with _locked(layout, "privacy.lock") as free:
        if not free:
            raise InstallationError(f"another erasure or back-up of {layout.root} is under way")
        yield


def require_finished(layout: Layout) -> None:
    """Raises InstallationError where a restore into the folder was cut short."""
    if layout.unfinished_restore.exists():
        raise InstallationError(
            f"a restore into {layout.root} was not finished: delete this folder, and the database"
            " on a server that was restored into (if any), and run trifleet restore again"
        )


@contextmanager
def stack_lock(layout: Layout) -> Iterator[bool]:
    """Keep a stopped stack from starting; false where it runs."""
    with _locked(layout, "lock") as free:
        yield free


@contextmanager
def _locked(layout: Layout, name: str) -> Iterator[bool]:
    descriptor = os.open(layout.root / name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
