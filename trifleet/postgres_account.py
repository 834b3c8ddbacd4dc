"""Whom the embedded PostgreSQL runs as, and what belongs to it.

It refuses to run as root: started by root it runs as another account, which owns its folder.
"""

import os
import pwd
from pathlib import Path
from typing import Any

from trifleet.errors import PostgresError

_ACCOUNTS = ("postgres", "nobody")


def make_folder(root: Path, programs: Path) -> None:
    """A new folder for a server of these programs. Raises PostgresError."""
    if root.exists() and any(root.iterdir()):
        raise PostgresError(f"{root} is not a new or empty folder")
    for place in (root, programs):
        _require_way(place)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    root.chmod(0o700)
    (root / "socket").mkdir(mode=0o700)
    account = _account()
    if account is not None:
        for path in (root, root / "socket"):
            os.chown(path, account.pw_uid, account.pw_gid)


def _require_way(path: Path) -> None:
    """Refuse a place that the account cannot come to, before anything is made there."""
    account = _account()
    if account is None:
        return
    for folder in path.resolve().parents:
        if not folder.exists():
            continue
        found = folder.stat()
        bit = 0o100 if found.st_uid == account.pw_uid else 0o001
        if found.st_uid != account.pw_uid and found.st_gid == account.pw_gid:
            bit = 0o010
        if not found.st_mode & bit:
            raise PostgresError(
                f"PostgreSQL runs as {account.pw_name!r} where we are root, and that account may"
                f" not enter {folder}"
            )


def write_private(path: Path, text: str) -> None:
    """A new file for the server's eyes, and ours."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    account = _account()
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def _account() -> "pwd.struct_passwd | None":
    """Whom PostgreSQL runs as: ourselves (None), or another where we are root."""
    if os.geteuid() != 0:
        return None
    known = {one.pw_name: one for one in pwd.getpwall()}
    for name in _ACCOUNTS:
        if name in known:
            return known[name]
    raise PostgresError(
        f"PostgreSQL does not run as root, and there is no {' or '.join(_ACCOUNTS)}"
    )


def spawn(root: Path) -> dict[str, Any]:
    """How every program is started: as whom, where, and with no more than it needs."""
    account = _account()
    who: dict[str, Any] = {}
    if account is not None:
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return {"cwd": root, "env": _environment(root), **who}


def _environment(root: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "PGPASSFILE": str(root / "pgpass")}
