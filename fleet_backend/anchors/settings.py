"""Settings of the anchors: one TOML file, read once. Nothing in it has a default that goes online.

Refuses unknown keys, other types, numbers out of bounds, and URLs that `check_url` refuses.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bitcoin import LEAST_WORK_BITS, HeaderFile, HeaderSource, bitcoin_rest, esplora
from .calendars import Calendars
from .chain import ChainSettings
from .errors import SettingsError
from .transaction import parse_address
from .webrequest import check_url

MAX_CALENDARS = 16


@dataclass(frozen=True)
class HeaderSettings:
    """Where block headers come from; at most one of the three."""

    file: Path | None = None
    esplora: str | None = None
    rest: str | None = None
    least_work_bits: int = LEAST_WORK_BITS

    def source(self) -> HeaderSource | None:
        """Raises OperationError or HeaderError for a file that cannot be read."""
        if self.file is not None:
            return HeaderFile(self.file)
        if self.esplora is not None:
            return esplora(self.esplora)
        return None if self.rest is None else bitcoin_rest(self.rest)


@dataclass(frozen=True)
class EvmSettings:
    """A chain, a node to ask, the key file of the account, the contract once there is one."""

    rpc_url: str
    key_file: Path
    contract: bytes | None
    chain: ChainSettings


@dataclass(frozen=True)
class AnchorSettings:
    """Paths are absolute. Without `calendars` and `evm` there is nothing to do."""

    ledger: Path
    policy: Path
    every_s: int
    poll_s: float
    calendars: Calendars | None
    headers: HeaderSettings
    evm: EvmSettings | None

    @property
    def folder(self) -> Path:
        """The anchors' own folder: in the log's folder, outside of what is served as the log."""
        return self.ledger / "anchors"


class _Table:
    """One table of the file; what was not asked for when it is closed is unknown."""

    def __init__(self, path: Path, name: str, values: dict[str, Any]) -> None:
        self._path, self._name, self._values = path, name, dict(values)

    def refuse(self, key: str, due: str) -> SettingsError:
        # The value is not repeated: it may be a secret in the wrong place.
        return SettingsError(f"{self._path}: key {self._name + key!r} must be {due}")

    def take(self, key: str, kind: type, due: str) -> Any:
        """A value, or None where the key is not there."""
        found = self._values.pop(key, None)
        if found is not None and type(found) is not kind:
            raise self.refuse(key, due)
        return found

    def text(self, key: str) -> str | None:
        found: str | None = self.take(key, str, "a line of text")
        if found is not None and (not found or not found.isprintable()):
            raise self.refuse(key, "a line of text")
        return found

    def path(self, key: str) -> Path | None:
        found = self.text(key)
        return None if found is None else self._path.parent.resolve() / found

    def number(self, key: str, default: int, least: int, most: int) -> int:
        due = f"a whole number from {least} to {most}"
        found = self.take(key, int, due)
        if found is not None and not least <= found <= most:
            raise self.refuse(key, due)
        return default if found is None else int(found)

    def decimal(self, key: str, default: float, least: float, most: float) -> float:
        due = f"a number from {least} to {most}"
        found = self._values.pop(key, default)
        if type(found) not in (int, float) or not least <= found <= most:
            raise self.refuse(key, due)
        return float(found)

    def url(self, key: str) -> str | None:
        found = self.text(key)
        if found is not None:
            check_url(found)
        return found

    def urls(self, key: str) -> tuple[str, ...]:
        due = f"a list of 1 to {MAX_CALENDARS} different URLs"
        found = self.take(key, list, due)
        if found is None:
            return ()
        if not 0 < len(found) <= MAX_CALENDARS or any(type(url) is not str for url in found):
            raise self.refuse(key, due)
        if len({url.rstrip("/") for url in found}) != len(found):
            raise self.refuse(key, due)
        for url in found:
            check_url(url)
        return tuple(found)

    def table(self, key: str) -> "_Table | None":
        found = self.take(key, dict, "a table")
        return None if found is None else _Table(self._path, f"{self._name}{key}.", found)

    def close(self) -> None:
        for key in self._values:
            raise SettingsError(f"{self._path}: key {self._name + key!r} is unknown")


def load_settings(path: Path) -> AnchorSettings:
    """Raises SettingsError, which names file and key."""
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except FileNotFoundError as error:
        raise SettingsError(f"{path} is not there: `trifleet anchor init` makes it") from error
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not TOML") from error
    top = _Table(path, "", found)
    ledger, policy = top.path("ledger"), top.path("policy")
    if ledger is None or policy is None:
        raise SettingsError(f"{path}: keys 'ledger' and 'policy' must be there")
    settings = AnchorSettings(
        ledger,
        policy,
        top.number("every_min", 60, 1, 100_000) * 60,
        top.decimal("poll_s", 30.0, 0.05, 3_600.0),
        _section(top, "opentimestamps", _calendars),
        _section(top, "bitcoin", _headers) or HeaderSettings(),
        _section(top, "evm", _evm),
    )
    top.close()
    return settings


def _section(top: _Table, name: str, read: Callable[[_Table], Any]) -> Any:
    table = top.table(name)
    if table is None:
        return None
    found = read(table)
    table.close()
    return found


def _calendars(table: _Table) -> Calendars:
    urls = table.urls("calendars")
    if not urls:
        raise table.refuse("calendars", "there")
    needed = table.number("needed", len(urls), 1, len(urls))
    return Calendars(urls, needed, table.urls("also_ask"))


def _headers(table: _Table) -> HeaderSettings:
    found = HeaderSettings(
        table.path("headers"),
        table.url("esplora"),
        table.url("rest"),
        table.number("least_work_bits", LEAST_WORK_BITS, 0, 255),
    )
    if sum(item is not None for item in (found.file, found.esplora, found.rest)) > 1:
        raise table.refuse("headers", "alone: name one of headers, esplora and rest")
    return found


def _evm(table: _Table) -> EvmSettings:
    rpc_url, key_file = table.url("rpc_url"), table.path("key_file")
    if rpc_url is None or key_file is None:
        raise table.refuse("rpc_url", "there, and 'key_file' too")
    contract = table.text("contract")
    default = ChainSettings(table.number("chain_id", 0, 1, (1 << 63) - 1))
    if not default.chain_id:
        raise table.refuse("chain_id", "there: a whole number")
    chain = ChainSettings(
        default.chain_id,
        table.number("confirmations", default.confirmations, 1, 10_000),
        table.number("final_blocks", default.final_blocks, 1, 100_000),
        table.number("max_gas", default.max_gas, 21_000, 30_000_000),
        table.decimal("max_fee_gwei", default.max_fee_gwei, 0.000001, 100_000.0),
        table.decimal("tip_gwei", default.tip_gwei, 0.0, 10_000.0),
        table.number("raise_after_s", default.raise_after_s, 1, 1_000_000),
    )
    address = None if contract is None else parse_address(contract)
    return EvmSettings(rpc_url, key_file, address, chain)
