"""Sets a data folder up: keys nobody else has, a log, and vehicles provisioned over their terminal.

Every step may be interrupted and repeated; what exists is kept. Private keys are written 0600 and
never printed.
"""

import concurrent.futures
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from boards.errors import BoardError
from boards.virtual.settings import VirtualBoardSettings
from boards.virtual.supervisor import VirtualBoard
from fleet_backend.fleet import delegations, gateways, keys, vehicles
from fleet_backend.fleet.chains import Chain
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.keys import generate_log_key, load_log_key, log_vkey
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.writer import create_ledger
from fleet_backend.witness.setup import create_witness
from hw.vehicle_config import load_vehicle
from protocol import command, cose, grant
from trifleet.errors import InstallationError
from trifleet.layout import Layout, make_folder, write_private
from trifleet.vehicle_file import config_file
from workbench.application import BoardFile, collect_application
from workbench.errors import WorkbenchError
from workbench.flash import flash_application
from workbench.identity import Identity
from workbench.provision import ProvisionResult, configure, provision

ISSUER = "issuer-1"
MAX_VEHICLES = 100
DELEGATION_S = 365 * 86_400
LONGEST_GRANT_S = 4 * 3600
TOP_SPEED_MMPS = 12_500
# Of hw/vehicles, one after the other.
CONFIGURATIONS = ("delta-passenger", "tadpole-cargo", "delta-cargo", "tadpole-passenger")
_MARK = "installation.json"
_VERSION = 1

Say = Callable[[str, str], None]


@dataclass(frozen=True)
class Slot:
    """The names of one vehicle and of the gateway beside it."""

    number: int

    @property
    def vehicle(self) -> str:
        return f"trike-{self.number}"

    @property
    def gateway(self) -> str:
        return f"gw-{self.number}"

    @property
    def configuration(self) -> str:
        return CONFIGURATIONS[self.number % len(CONFIGURATIONS)]


def slots(count: int) -> list[Slot]:
    """The first `count` vehicles. Raises InstallationError beyond 1 to 100."""
    if not 1 <= count <= MAX_VEHICLES:
        raise InstallationError(f"--vehicles is 1 to {MAX_VEHICLES}, not {count}")
    return [Slot(number) for number in range(1, count + 1)]


def found(layout: Layout, say: Say) -> None:
    """An owner's keys and log, and nothing that runs yet."""
    claim(layout)
    _make_keys(layout, say)


def install(layout: Layout, count: int, say: Say) -> None:
    """Bring the folder to a state in which `count` vehicles can run."""
    wanted = slots(count)
    found(layout, say)
    database = open_database(f"sqlite:///{layout.database}")
    try:
        database.create_schema()
        _register_issuer(layout, database)
        application = collect_application(Path(__file__).resolve().parent.parent)
        # One vehicle costs a second of one core; two at once is what a small machine has.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(_add, layout, database, slot, application, say) for slot in wanted]
            for job in jobs:
                job.result()
    finally:
        database.close()


def known_vehicles(layout: Layout) -> int:
    """How many vehicles the folder holds already."""
    return sum(1 for path in layout.root.glob("vehicles/trike-*/application.sha256"))


def origin(layout: Layout) -> str:
    """The name of this installation's log."""
    try:
        return str(json.loads((layout.root / _MARK).read_text())["origin"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InstallationError(f"{layout.root}/{_MARK} is damaged: {error}") from error


def make_witness(layout: Layout, say: Say) -> None:
    """Keys and memory of a witness, once: one that lost them has to be another witness."""
    if layout.witness.exists():
        return
    name = origin(layout).removesuffix("/ledger") + "/witness"
    create_witness(layout.witness, name)
    say("witness", f"made {name}, which cosigns the logs that are added to it")


def log_vkeys(layout: Layout) -> list[str]:
    """Verifier keys of the logs that the installation's policy names: what gateways follow."""
    try:
        return [log.vkey for log in parse_policy(layout.policy.read_bytes()).logs]
    except (OSError, LedgerError) as error:
        raise InstallationError(f"{layout.policy}: {error}") from error


def claim(layout: Layout) -> None:
    """Make the folder ours; never build in one that is somebody else's."""
    mark = layout.root / _MARK
    if mark.exists():
        _check_private(layout)
        _check_version(layout)
        return
    if layout.root.exists() and any(layout.root.iterdir()):
        raise InstallationError(
            f"{layout.root} is not empty and was not made by trifleet: choose another --data folder"
        )
    make_folder(layout.root)
    layout.root.chmod(0o700)  # also where the folder was there, empty
    name = f"fleet-{secrets.token_hex(4)}.local/ledger"
    write_private(mark, json.dumps({"version": _VERSION, "origin": name}).encode())


def _check_private(layout: Layout) -> None:
    """Refuse to run where others on the machine may enter. Raises InstallationError."""
    if layout.root.stat().st_mode & 0o077:
        raise InstallationError(
            f"others on this machine may read {layout.root}: chmod 700 {layout.root}"
        )


def _check_version(layout: Layout) -> None:
    try:
        found = json.loads((layout.root / _MARK).read_text())["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InstallationError(f"{layout.root}/{_MARK} is damaged: {error}") from error
    if found != _VERSION:
        raise InstallationError(
            f"{layout.root} was made by another version of trifleet ({found}, this is {_VERSION})"
        )


def _make_keys(layout: Layout, say: Say) -> None:
    made = []
    for path, generate in (
        (layout.owner_key, keys.generate_rsa),
        (layout.issuing_key, keys.generate_rsa),
        (layout.issuer_statement_key, keys.generate_ed25519),
        (layout.ack_key, keys.generate_ed25519),
        (layout.log_key, generate_log_key),
    ):
        make_folder(path.parent)
        if not path.exists():
            # Whole or not at all: a torn key file would block every later start.
            draft = path.with_name(path.name + ".new")
            draft.unlink(missing_ok=True)
            generate(draft)
            draft.replace(path)
            made.append(path.stem)
    if not layout.operator_token.exists():
        write_private(layout.operator_token, secrets.token_urlsafe(32).encode() + b"\n")
        made.append("operator token")
    _make_log(layout)
    if made:
        say("keys", f"made {', '.join(made)}")


def _make_log(layout: Layout) -> None:
    key = load_log_key(layout.log_key)
    name = origin(layout)
    if not (layout.ledger / "public/checkpoint").exists():
        create_ledger(layout.ledger, name, key)
    if not layout.policy.exists():
        write_private(layout.policy, f"log {log_vkey(name, key)}\nquorum none\n".encode())


def _register_issuer(layout: Layout, database: Database) -> None:
    public = keys.public_bytes(keys.load_ed25519(layout.issuer_statement_key))
    with database.begin() as connection:
        gateways.register(connection, ISSUER, public, gateways.ISSUER, _now())


def _add(
    layout: Layout, database: Database, slot: Slot, application: Sequence[BoardFile], say: Say
) -> None:
    _register_gateway(layout, database, slot)
    config = config_file(load_vehicle(slot.configuration))
    digest = _digest(application, config)
    mark = layout.vehicle(slot.vehicle) / "application.sha256"
    with database.read() as connection:
        known = vehicles.find(connection, slot.vehicle) is not None
    if known and mark.exists() and mark.read_text() == digest:
        return
    begin = time.monotonic()
    identity = None if known else _identity(layout, slot)
    provisioned = _prepare_board(layout, slot, application, config, identity)
    if provisioned is not None:
        _register_vehicle(layout, database, slot, provisioned)
    write_private(mark, digest.encode())
    what = "flashed" if known else "flashed and provisioned"
    say(slot.vehicle, f"{what} over its serial line in {time.monotonic() - begin:.1f} s")


def _register_gateway(layout: Layout, database: Database, slot: Slot) -> None:
    folder = make_folder(layout.gateway(slot.gateway))
    path = folder / "gateway.key"
    key = keys.load_ed25519(path) if path.exists() else keys.generate_ed25519(path)
    with database.begin() as connection:
        public = keys.public_bytes(key)
        gateways.register(connection, slot.gateway, public, gateways.GATEWAY, _now())


def _identity(layout: Layout, slot: Slot) -> Identity:
    """A new vehicle: its key is drawn here, written to the board, and kept nowhere else."""
    owner = keys.thumbprint(keys.load_rsa(layout.owner_key))
    return Identity(slot.vehicle, owner, secrets.token_bytes(32), _now() - 60)


def _prepare_board(
    layout: Layout,
    slot: Slot,
    application: Sequence[BoardFile],
    config: bytes,
    identity: Identity | None,
) -> ProvisionResult | None:
    image = make_folder(layout.vehicle(slot.vehicle)) / "flash.img"
    try:
        with VirtualBoard(VirtualBoardSettings(image)) as board:
            flash_application(board.tty, application)
            if identity is None:
                configure(board.tty, config)
                return None
            # A vehicle that is not registered may have been left by an interrupted set-up.
            return provision(board.tty, identity, config=config, replace=True)
    except (BoardError, WorkbenchError) as error:
        raise InstallationError(f"{slot.vehicle}: {error}") from error


def _register_vehicle(
    layout: Layout, database: Database, slot: Slot, provisioned: ProvisionResult
) -> None:
    owner = keys.load_rsa(layout.owner_key)
    chain = Chain((_delegate(layout, slot),), (keys.modulus(owner), _issuer_modulus(layout)))
    with database.begin() as connection:
        vehicles.register(
            connection,
            slot.vehicle,
            slot.gateway,
            keys.thumbprint(owner),
            provisioned.record_key,
            provisioned.key_fingerprint,
            _now(),
        )
        delegations.put(connection, slot.vehicle, chain, _now())


def _delegate(layout: Layout, slot: Slot) -> bytes:
    """The owner's signed document: what the issuer may grant for this vehicle, and for how long."""
    owner = keys.load_rsa(layout.owner_key)
    payload = grant.encode(
        grant.Grant(
            slot.vehicle,
            keys.thumbprint(keys.load_rsa(layout.issuing_key)),
            grant.DELEGATE | grant.CODE_ACTIONS | 1 << (command.LOCK - 1),
            _now() - 300,
            _now() + DELEGATION_S,
            0,
            secrets.token_bytes(command.ID_BYTES),
            {grant.MAX_SPEED_MMPS: TOP_SPEED_MMPS, grant.MAX_GRANT_S: LONGEST_GRANT_S},
        )
    )
    signature = keys.sign_ps256(owner, grant.signed_message(payload))
    return cose.assemble(cose.PS256, payload, signature)


def _issuer_modulus(layout: Layout) -> bytes:
    return keys.modulus(keys.load_rsa(layout.issuing_key))


def _digest(application: Sequence[BoardFile], config: bytes) -> str:
    total = hashlib.sha256(config)
    for file in application:
        total.update(file.path.encode() + b"\0" + file.sha256)
    return total.hexdigest()


def _now() -> int:
    return int(time.time())
