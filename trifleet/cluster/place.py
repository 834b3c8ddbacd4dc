"""Where a cluster lies: one folder, its ports, and the lock that says who runs it.

    cluster.json    version and ports       fleet/     keys, certificates, settings, logs (0700)
    pair.json       who is the primary      broker/    three nodes
    postgres/a, b   two servers             tiles/     the store of the log's files

The folder itself is 0711: PostgreSQL, which does not run as root, has to come through it to its
own folder, and reads nothing else on the way.
"""

import contextlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from trifleet.brokers.common import write_private
from trifleet.errors import InstallationError, PortError
from trifleet.layout import Layout, is_vacant
from trifleet.ports import require_free

SIDES = ("a", "b")
NODES = ("node-1", "node-2", "node-3")
LEDGERS = ("ledger-1", "ledger-2")
APIS = ("api-1", "api-2")
ISSUER = "issuer"
FRONTS = ("mqtt", "amqp", "http")
_PORTS = range(20_000, 32_000)
_VERSION = 1
RUN_FILE = "run.json"  # while it runs: ports and process numbers
_MARK = "cluster.json"


@dataclass(frozen=True)
class Place:
    """The paths of one cluster."""

    root: Path

    @property
    def layout(self) -> Layout:
        """Keys, certificates, settings and logs, as of any installation."""
        return Layout(self.root / "fleet")

    @property
    def broker(self) -> Path:
        return self.root / "broker"

    @property
    def pair_file(self) -> Path:
        """Which server is the primary, and whether the other one has it all."""
        return self.root / "pair.json"

    @property
    def tiles(self) -> Path:
        """The store of the log's files, which both writers and all readers share."""
        return self.root / "tiles"

    @property
    def passfile(self) -> Path:
        """The database's password for the programs, in libpq's form."""
        return self.layout.root / "pgpass"

    def server(self, side: str) -> Path:
        """The folder of one PostgreSQL server."""
        return self.root / "postgres" / side


def wanted_ports() -> list[str]:
    """Names of everything that listens, all on loopback."""
    names = [*FRONTS, *APIS]
    names += [f"postgres-{side}" for side in SIDES]
    names += [f"{node}-{what}" for node in NODES for what in ("mqtt", "amqp")]
    return names + [f"{ledger}-metrics" for ledger in LEDGERS]


def claim(place: Place) -> dict[str, int]:
    """Make the folder ours, once, and return its ports, which stay the same.

    Raises InstallationError where the folder is another's, or the mark is damaged.
    """
    mark = place.root / _MARK
    if mark.exists():
        return _read(mark)
    if not is_vacant(place.root):
        raise InstallationError(
            f"{place.root} was not made by `trifleet cluster`, and is not a new or empty folder:"
            " choose another --data folder"
        )
    for folder in reversed([place.root, *place.root.parents]):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o711)
    ports = _free_ports(wanted_ports())
    write_private(mark, json.dumps({"version": _VERSION, "ports": ports}, indent=1))
    open_way(place)
    return ports


def open_way(place: Place) -> None:
    """Let PostgreSQL's account come through, and nobody look around."""
    postgres = place.root / "postgres"
    postgres.mkdir(exist_ok=True)
    for folder in (place.root, postgres):
        folder.chmod(0o711)


def require_ports(ports: dict[str, int]) -> None:
    """Raises PortError while another program has one of them."""
    for port in ports.values():
        require_free(port)


def _read(mark: Path) -> dict[str, int]:
    try:
        found = json.loads(mark.read_text())
        version, ports = found["version"], found["ports"]
        known = {name: ports[name] for name in wanted_ports()}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InstallationError(f"{mark} is damaged: {type(error).__name__}") from error
    if version != _VERSION:
        raise InstallationError(
            f"{mark.parent} was made by another version of trifleet ({version}, this is {_VERSION})"
        )
    if not all(type(port) is int and 0 < port < 65_536 for port in known.values()):
        raise InstallationError(f"{mark} is damaged: a port is none")
    return known


def _free_ports(names: list[str]) -> dict[str, int]:
    """Below those that the system gives to whoever asks for any: these are kept for good."""
    found: dict[str, int] = {}
    for name in names:
        while name not in found:
            port = _PORTS.start + secrets.randbelow(len(_PORTS))
            with contextlib.suppress(PortError):
                require_free(port)
                found |= {} if port in found.values() else {name: port}
    return found
