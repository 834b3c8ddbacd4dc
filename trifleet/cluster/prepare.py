"""One folder for each program of a cluster on several machines: what it is given and no more.

Made where the authority's key lies, which goes nowhere. May be repeated: what exists is kept,
certificates are renewed in time, and the rest is written anew. A folder is mounted into its
container as /run/trifleet; the settings name the files there.
"""

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from fleet_backend.fleet.database import open_database
from trifleet import installation
from trifleet.brokers import rabbitmq_config, rabbitmq_guard
from trifleet.brokers.common import Limits, ServerTls
from trifleet.brokers.rabbitmq_config import Ports
from trifleet.brokers.revoked import write_hashed
from trifleet.cluster.local import source
from trifleet.cluster.parties import Parties
from trifleet.cluster.place import APIS
from trifleet.cluster.programs import Programs, Where
from trifleet.errors import UsageError
from trifleet.layout import Layout, make_folder, write_private, write_toml
from trifleet.provisioning import Say

MOUNT = Path("/run/trifleet")
STATE = "/var/lib/trifleet"
SETTINGS = "program.toml"
INGEST, LEDGER, ISSUER, BROKER, DATABASE = "ingest", "ledger", "issuer", "broker", "database"
MQTT_PORT, AMQP_PORT, API_PORT, METRICS_PORT = 8883, 5671, 8080, 9102
DISTRIBUTION_PORT, MAPPER_PORT = 25672, 4369
COMPOSE_NODES = tuple(f"rabbit@broker-{number}" for number in (1, 2, 3))
COMPOSE_DATABASE = "postgresql://trifleet@/fleet?host=db-1:5432&host=db-2:5432"
COMPOSE_TILES = "file:///srv/tiles"
_TLS_FILES = ("authority.pem", "mqtt.pem", "mqtt.key")
_OPTIONS = "store.toml"
# Of each program: the owner's files that it needs. All but the brokers get the database's password.
_NEEDS = {
    INGEST: ("ack.key", "policy.txt", *_TLS_FILES),
    LEDGER: ("log.key", "policy.txt"),
    ISSUER: ("issuing.key", "statement.key", "policy.txt"),
    **dict.fromkeys(APIS, ("operator.token", "policy.txt", *_TLS_FILES)),
}


@dataclass(frozen=True)
class Wish:
    """Addresses as the programs see them; `names`: more names of the broker, for gateways."""

    broker: str = "broker"
    names: tuple[str, ...] = ()
    nodes: tuple[str, ...] = COMPOSE_NODES
    database: str = COMPOSE_DATABASE
    tiles: str = COMPOSE_TILES

    @property
    def hosts(self) -> list[str]:
        """What the brokers' certificate names: all nodes show the same."""
        return [self.broker, *self.names]


def prepare(root: Path, wish: Wish, say: Say) -> Path:
    """Returns the folder of the folders. Raises UsageError, TrifleetError, CertificateError."""
    if len(wish.nodes) < 3 or len(wish.nodes) % 2 == 0:
        raise UsageError(f"brokers: 3, 5 or 7 nodes, so that most of them are a quorum; not"
                         f" {len(wish.nodes)}")  # fmt: skip
    layout, out = Layout(root / "fleet"), root / "secrets"
    make_folder(root)
    installation.found(layout, say)
    parties = Parties(layout, [INGEST], APIS, [], wish.hosts)
    if made := parties.ensure():
        say("certificates", f"made {made}, good for a year: repeat this once a month")
    password = _password(layout)
    options = _options(layout, out)
    programs = Programs(_where(layout, wish, options))
    for name, settings in {
        INGEST: programs.worker(INGEST),
        LEDGER: programs.ledger(LEDGER, METRICS_PORT),
        ISSUER: programs.issuer(),
        **{name: programs.api(name) for name in APIS},
    }.items():
        folder = make_folder(out / name)
        write_toml(folder / SETTINGS, settings)
        for file in _NEEDS[name]:
            write_private(folder / file, source(layout, name, file).read_bytes())
        write_private(folder / "pgpass", f"*:*:*:trifleet:{password}\n".encode())
        if options is not None:
            write_private(folder / _OPTIONS, options)
    _write_database(out / DATABASE, password)
    _write_broker(out / BROKER, wish, parties, layout)
    say("secrets", f"one folder for each program in {out}")
    return out


def register(root: Path) -> None:
    """Once the database is there: make its tables, and the issuer known in it.

    Where it is stands in `fleet/database.url`. Raises FleetError, InstallationError.
    """
    layout = Layout(root / "fleet")
    installation.check_version(layout)
    if layout.keeps_own_file:
        raise UsageError(f"write the database's URL into {layout.database_url_file}, mode 0600")
    database = open_database(layout.database_url)
    try:
        database.create_schema()
        installation.register_issuer(layout, database)
    finally:
        database.close()


def _where(layout: Layout, wish: Wish, options: bytes | None) -> Where:
    joint = "&" if "?" in wish.database else "?"
    return Where(
        installation.origin(layout),
        wish.broker,
        MQTT_PORT,
        AMQP_PORT,
        f"{wish.database}{joint}passfile={MOUNT}/pgpass",
        wish.tiles,
        lambda program, name: str(MOUNT / name),
        lambda program: STATE,
        None if options is None else str(MOUNT / _OPTIONS),
    )


def _options(layout: Layout, out: Path) -> bytes | None:
    """What opens the store of the tiles: the operator puts it into the data folder."""
    file = layout.root / _OPTIONS
    if file.exists():
        return file.read_bytes()
    for old in out.glob(f"*/{_OPTIONS}"):
        old.unlink()
    return None


def _password(layout: Layout) -> str:
    """Of the database's role, made once."""
    file = layout.root / "database.password"
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32).encode())
    return file.read_text()


def _write_database(folder: Path, password: str) -> None:
    """The password for the server, and for the standby that copies it."""
    write_private(folder / "password", password.encode())
    write_private(folder / "username", b"trifleet")
    write_private(folder / "pgpass", f"*:*:*:trifleet:{password}\n".encode())


def _write_broker(folder: Path, wish: Wish, parties: Parties, layout: Layout) -> None:
    """What the nodes share. Users come with the start; queues when all nodes are there."""
    limits, users = Limits(), parties.users()
    tls = parties.server_tls()
    authority, certificate, key = (MOUNT / name for name in _TLS_FILES)
    inside = ServerTls(authority, certificate, key, MOUNT / "revoked.pem")
    ports = Ports(MQTT_PORT, AMQP_PORT, DISTRIBUTION_PORT, MAPPER_PORT)
    texts = {
        "rabbitmq.conf": rabbitmq_config.settings_text(
            MOUNT, ports, inside, limits, wish.nodes, interface="0.0.0.0"  # noqa: S104 (TLS)
        ),
        "advanced.config": rabbitmq_config.advanced_text(MOUNT, inside),
        "enabled_plugins": rabbitmq_config.PLUGINS,
        "definitions.json": rabbitmq_config.definitions_text(users, limits, queues=False),
        "queues.json": rabbitmq_config.definitions_text(users, limits),
        "guard": rabbitmq_guard.expression(),
    }  # fmt: skip
    for name, text in texts.items():
        write_private(folder / name, text.encode())
    files = (tls.ca_file, tls.certificate_file, tls.private_key_file)
    for name, file in zip(_TLS_FILES, files, strict=True):
        write_private(folder / name, file.read_bytes())
    shutil.rmtree(folder / "revoked", ignore_errors=True)
    write_hashed(tls.revoked_file, folder / "revoked")
    cookie = layout.root / "broker.cookie"
    if not cookie.exists():
        write_private(cookie, secrets.token_hex(32).encode())
    write_private(folder / ".erlang.cookie", cookie.read_bytes())
