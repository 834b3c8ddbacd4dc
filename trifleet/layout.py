"""Where everything lies in a data folder. Folders are 0700, secrets 0600; nothing else decides."""

import dataclasses
import os
from pathlib import Path


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
    def ledger(self) -> Path:
        return self.root / "ledger"

    @property
    def log_key(self) -> Path:
        return self.ledger / "log.key"

    @property
    def policy(self) -> Path:
        return self.ledger / "policy.txt"

    @property
    def database(self) -> Path:
        return self.root / "fleet.db"

    @property
    def broker(self) -> Path:
        return self.root / "broker"

    @property
    def operator_token(self) -> Path:
        return self.root / "operator.token"

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def config(self, program: str) -> Path:
        """The TOML file that a program of the backend reads."""
        return self.root / "config" / f"{program}.toml"

    def gateway(self, gateway: str) -> Path:
        return self.root / "gateways" / gateway

    def vehicle(self, vehicle: str) -> Path:
        return self.root / "vehicles" / vehicle


def make_folder(path: Path) -> Path:
    """Create a folder that only its owner may enter."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read; whole or not at all."""
    make_folder(path.parent)
    new = path.with_name(path.name + ".new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(path)


def write_toml(path: Path, values: dict[str, str | int | float | bool]) -> None:
    """Write flat settings, one `key = value` a line."""
    lines = [f"{key} = {_toml(value)}\n" for key, value in values.items()]
    write_private(path, "".join(lines).encode())


def _toml(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)
