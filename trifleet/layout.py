"""Where everything lies in a data folder. Folders are 0700, secrets 0600; nothing else decides."""

import dataclasses
import fcntl
import os
from pathlib import Path

from trifleet.errors import InstallationError


@dataclasses.dataclass(frozen=True)
class Layout:
    """The paths of one installation."""

    root: Path

    @property
    def owner_key(self) -> Path:
        return self.root / "owner/owner.key"

    @property
    def issuing_key(self) -> Path:
        return self.root / "issuer/issuing.key"

    @property
    def issuer_statement_key(self) -> Path:
        return self.root / "issuer/statement.key"

    @property
    def ack_key(self) -> Path:
        return self.root / "ingest/ack.key"

    @property
    def ingest_notes(self) -> Path:
        """Digests of what each worker of the ingest has in hand."""
        return self.root / "ingest/notes"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger"

    @property
    def log_key(self) -> Path:
        return self.ledger / "log.key"

    @property
    def former_log_key(self) -> Path:
        """Signs beside `log_key` while it is there: the log changes its key."""
        return self.ledger / "log.former.key"

    @property
    def policy(self) -> Path:
        return self.ledger / "policy.txt"

    @property
    def witness(self) -> Path:
        """Keys, memory and settings of the witness, where this owner is one for others."""
        return self.root / "witness"

    @property
    def database(self) -> Path:
        return self.root / "fleet.db"

    @property
    def database_url_file(self) -> Path:
        """Where this is, the database is on the server that its one line names."""
        return self.root / "database.url"

    @property
    def keeps_own_file(self) -> bool:
        """Is the database the file `database`?"""
        return not self.database_url_file.exists()

    @property
    def database_url(self) -> str:
        """What programs open."""
        if self.keeps_own_file:
            return f"sqlite:///{self.database}"
        return self.database_url_file.read_text().strip()

    @property
    def tiles_url_file(self) -> Path:
        """Where this is, the log is shared: in the database, its files in the store named here."""
        return self.ledger / "tiles.url"

    @property
    def tiles_options(self) -> Path:
        """What opens that store; may be missing."""
        return self.ledger / "tiles.toml"

    @property
    def shares_log(self) -> bool:
        """Is the log in database and store, and not in the folder `ledger`?"""
        return self.tiles_url_file.exists()

    @property
    def unfinished_restore(self) -> Path:
        """Where this is, `trifleet restore` did not come to its end, and nothing starts."""
        return self.root / "restore.unfinished"

    @property
    def broker(self) -> Path:
        return self.root / "broker"

    @property
    def authority(self) -> Path:
        """The certificate authority: its key, and what it issued. Given to the registrar alone."""
        return self.root / "authority"

    @property
    def invitations(self) -> Path:
        """What was derived from one-time codes; the registrar's alone."""
        return self.root / "registrar/invitations"

    @property
    def operator_token(self) -> Path:
        return self.root / "operator.token"

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    @property
    def metrics(self) -> Path:
        """Where each program's metrics are while the stack runs, for Prometheus (file_sd)."""
        return self.root / "metrics.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def issuer_journal(self) -> Path:
        return self.root / "issuer/journal"

    @property
    def privacy(self) -> Path:
        """The operator's settings of how long data is kept; may be missing."""
        return self.root / "privacy.toml"

    @property
    def releases(self) -> Path:
        """The repository of releases, where `trifleet release repository init` made one."""
        return self.root / "releases"

    @property
    def release_trust(self) -> Path:
        """Whose releases new vehicles believe (`trifleet release trust`); may be missing."""
        return self.root / "owner/release"

    @property
    def has_releases(self) -> bool:
        return (self.releases / "metadata/timestamp.json").exists()

    @property
    def backups(self) -> Path:
        """Which back-ups were made of this folder, and where."""
        return self.root / "backups.json"

    def config(self, program: str) -> Path:
        """The TOML file that a program of the backend reads."""
        return self.root / "config" / f"{program}.toml"

    def tls(self, program: str) -> Path:
        """Certificate and key of the broker, or of a program that connects to it."""
        return self.root / "tls" / program

    def gateway(self, gateway: str) -> Path:
        return self.root / "gateways" / gateway

    def vehicle(self, vehicle: str) -> Path:
        return self.root / "vehicles" / vehicle

    def board(self, vehicle: str) -> Path:
        """The TOML file that a virtual board reads."""
        return self.vehicle(vehicle) / "board.toml"

    def keypad(self, vehicle: str) -> Path:
        """The pipe through which somebody types on a virtual vehicle."""
        return self.vehicle(vehicle) / "keypad"


def make_folder(path: Path) -> Path:
    """Create a folder that only its owner may enter."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def is_vacant(path: Path) -> bool:
    """Nothing is there, or an empty folder. Raises OSError where that cannot be told."""
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read; whole or not at all. OSError names it."""
    make_folder(path.parent)
    new = path.with_name(path.name + ".new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        error.filename = error.filename or str(new)  # a full disk says none
        raise
    new.replace(path)


Toml = str | int | float | bool
Settings = dict[str, "Toml | Settings | list[Settings]"]


def write_toml(path: Path, values: Settings) -> None:
    """Write settings with their tables and arrays of tables."""
    write_private(path, ("\n".join(_toml_lines(values, "")) + "\n").encode())


def _toml_lines(values: Settings, prefix: str) -> list[str]:
    plain, tables = [], []
    for key, value in values.items():
        if isinstance(value, dict):
            tables += [f"[{prefix}{key}]", *_toml_lines(value, f"{prefix}{key}.")]
        elif isinstance(value, list):
            tables += _toml_array(value, prefix + key)
        else:
            plain.append(f"{key} = {_toml(value)}")
    return plain + tables


def _toml_array(items: "list[Settings]", name: str) -> list[str]:
    return [line for item in items for line in (f"[[{name}]]", *_toml_lines(item, f"{name}."))]


def _toml(value: Toml) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)


def lock_folder(root: Path, program: str) -> int:
    """Two of them on one folder would fight. Returns what ends with us, or with `os.close`.

    Raises InstallationError.
    """
    handle = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise InstallationError(
            f"another {program} runs on {root}: stop it, or choose another --data"
        ) from error
    return handle
