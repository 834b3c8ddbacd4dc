"""The folder itself: whose it is, who may read it, keys and settings that can be used."""

import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge_gateway import settings as gateway_settings
from edge_gateway.errors import GatewayError
from fleet_backend.api.settings import load_settings as load_api
from fleet_backend.fleet.errors import FleetError
from fleet_backend.ingest.settings import load_settings as load_ingest
from fleet_backend.issuer.settings import load_settings as load_issuer
from trifleet import installation
from trifleet.doctor.finding import Findings, fail, ok, warn
from trifleet.doctor.subject import Subject, read_small, require_ordinary
from trifleet.errors import TrifleetError
from trifleet.privacy import keeping

_SECRET_ENDS = (".key", ".password", ".token", ".secret")
_SECRET_NAMES = ("nats.conf", ".erlang.cookie")
_PRIVATE = b"PRIVATE KEY-----"
_PEM_ENDS = (".key", ".pem")
_MOST_NAMED = 3
# 256 random bits or more; an operator may have put in a longer one of his own.
_TOKEN = re.compile(rb"[!-~]{32,500}")
# What is served to everybody, and what only its program reads by the ten thousand.
_NOT_WALKED = ("ledger/public", "broker/store")
_OTHERS = 0o077
RESTORE = "put it back from a back-up (trifleet restore), or from where you keep your keys"


def check_folder(subject: Subject) -> Findings:
    found = subject.layout.root.stat()
    if found.st_mode & _OTHERS:
        remedy = f"chmod 700 {subject.layout.root}"
        yield fail("folder", "others on this machine may enter it", remedy)
    elif os.geteuid() not in (0, found.st_uid):
        yield fail("folder", f"it belongs to user {found.st_uid}", "run as that user")
    else:
        yield ok("folder", str(subject.layout.root))


def check_installation(subject: Subject) -> Findings:
    try:
        keeping.require_finished(subject.layout)
        require_ordinary(subject.layout.root / "installation.json")
        name = installation.origin(subject.layout)
        installation.check_version(subject.layout)
    except OSError as error:
        yield fail("installation", f"installation.json: {error.strerror}", RESTORE)
    except TrifleetError as error:
        yield fail("installation", str(error), RESTORE)
    else:
        yield ok("installation", name)


def check_permissions(subject: Subject) -> Findings:
    """Every file that holds a secret; then whatever else others may read."""
    owner = subject.layout.root.stat().st_uid
    open_secrets: list[str] = []
    open_files: list[str] = []
    foreign: list[str] = []
    for path, found in _walk(subject.layout.root):
        name = str(path.relative_to(subject.layout.root))
        if found.st_mode & _OTHERS:
            (open_secrets if _is_secret(path) else open_files).append(name)
        if found.st_uid != owner:
            foreign.append(name)
    if open_secrets:
        remedy = f"chmod 600 {' '.join(open_secrets[:_MOST_NAMED])}; change what others have seen"
        yield fail("permissions", f"others may read {_some(open_secrets)}", remedy)
    if foreign:
        remedy = f"chown them to user {owner}, after asking how they came there"
        yield warn("permissions", f"of another user: {_some(foreign)}", remedy)
    if open_files:
        yield warn("permissions", f"others may read {_some(open_files)}", "chmod go= them")
    if not (open_secrets or foreign or open_files):
        yield ok("permissions", "nothing is open to others")


def check_keys(subject: Subject) -> Findings:
    """Each is there and can be read. Whose it is, is for the checks of log and gateways."""
    layout = subject.layout
    due = [
        layout.owner_key,
        layout.issuing_key,
        layout.issuer_statement_key,
        layout.ack_key,
        layout.log_key,
    ]
    due += [path.with_name("gateway.key") for path in _gateways(subject)]
    bad = 0
    for path in due:
        if words := _bad_key(path):
            bad += 1
            yield fail("keys", f"{path.relative_to(layout.root)}: {words}", RESTORE)
    if not _is_token(layout.operator_token):
        bad += 1
        yield fail(
            "keys", "operator.token is missing or damaged", "delete it; a start makes another"
        )
    if not bad:
        yield ok("keys", f"{len(due)} can be used")


def check_settings(subject: Subject) -> Findings:
    """What the programs would read at their next start; `trifleet run` writes these files anew."""
    layout = subject.layout
    readers: list[tuple[Path, Callable[[Path], object]]] = [
        (layout.config("ingest"), load_ingest),
        (layout.config("issuer"), load_issuer),
        (layout.config("api"), load_api),
        *((path, gateway_settings.load) for path in _gateways(subject)),
    ]
    bad = 0
    for path, read in readers:
        try:
            require_ordinary(path)
            read(path)
        except (FleetError, GatewayError, OSError) as error:
            bad += 1
            yield warn("settings", str(error), "start `trifleet run`: it writes them anew")
    try:
        if layout.privacy.exists():
            require_ordinary(layout.privacy)
        keeping.retention(layout)
    except (FleetError, OSError) as error:
        bad += 1
        yield fail("settings", str(error), "correct privacy.toml: the stack does not start with it")
    if not bad:
        yield ok("settings", f"{len(readers)} files can be read")


def _gateways(subject: Subject) -> list[Path]:
    return sorted(path / "gateway.toml" for path in subject.layout.root.glob("gateways/*"))


def _walk(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Files and folders, links not followed; what vanishes meanwhile is nothing to tell."""
    for folder, folders, names in os.walk(root):
        inside = Path(folder).relative_to(root).as_posix()
        folders[:] = [one for one in folders if f"{inside}/{one}" not in _NOT_WALKED]
        for name in (*names, *folders):
            path = Path(folder) / name
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue
            if not stat.S_ISLNK(found.st_mode):
                yield path, found


def _is_secret(path: Path) -> bool:
    if path.suffix in _SECRET_ENDS or path.name in _SECRET_NAMES:
        return True
    try:
        return path.suffix in _PEM_ENDS and _PRIVATE in read_small(path)
    except OSError:
        return False


def _bad_key(path: Path) -> str:
    """What is wrong with a private key's file, never what is in it."""
    try:
        load_pem_private_key(read_small(path), None)
    except OSError as error:
        return error.strerror or "cannot be read"
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "is no unencrypted PEM key"
    return ""


def _is_token(path: Path) -> bool:
    try:
        return _TOKEN.fullmatch(read_small(path).strip()) is not None
    except OSError:
        return False


def _some(names: list[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
