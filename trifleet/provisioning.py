"""One vehicle and its gateway, from a bare board to the fleet's database.

Every step may be interrupted and repeated; what exists is kept.
"""

import hashlib
import secrets
import time
from collections.abc import Callable

from boards.errors import BoardError
from boards.virtual.settings import VirtualBoardSettings
from boards.virtual.supervisor import VirtualBoard
from fleet_backend.fleet import delegations, gateways, keys, vehicles
from fleet_backend.fleet.chains import Chain
from fleet_backend.fleet.database import Database
from hw.vehicle_config import load_vehicle
from protocol import command, cose, grant
from trifleet.errors import InstallationError
from trifleet.layout import Layout, make_folder, write_private
from trifleet.slots import Slot
from trifleet.vehicle_file import config_file
from workbench.application import Application
from workbench.errors import WorkbenchError
from workbench.flash import flash_application
from workbench.identity import Identity
from workbench.provision import ProvisionResult, configure, provision

DELEGATION_S = 365 * 86_400
LONGEST_GRANT_S = 4 * 3600
TOP_SPEED_MMPS = 12_500

Say = Callable[[str, str], None]


def add_vehicle(
    layout: Layout, database: Database, slot: Slot, application: Application, say: Say
) -> None:
    """Bring one vehicle and its gateway to where they can run. What is done already is kept.

    Raises InstallationError.
    """
    _register_gateway(layout, database, slot)
    config = config_file(load_vehicle(slot.configuration))
    digest = hashlib.sha256(config + application.fingerprint.encode()).hexdigest()
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
        if gateways.find(connection, slot.gateway) is not None:
            return  # its key may have changed since: the chain says which one counts
        gateways.register(connection, slot.gateway, public, gateways.GATEWAY, _now())


def _identity(layout: Layout, slot: Slot) -> Identity:
    """A new vehicle: its key is drawn here, written to the board, and kept nowhere else."""
    owner = keys.thumbprint(keys.load_rsa(layout.owner_key))
    return Identity(slot.vehicle, owner, secrets.token_bytes(32), _now() - 60)


def _prepare_board(
    layout: Layout,
    slot: Slot,
    application: Application,
    config: bytes,
    identity: Identity | None,
) -> ProvisionResult | None:
    image = make_folder(layout.vehicle(slot.vehicle)) / "flash.img"
    try:
        with VirtualBoard(VirtualBoardSettings(image)) as board:
            flash_application(board.tty, application.files())
            if identity is None:
                configure(board.tty, config)
                return None
            # A vehicle that is not registered may have been left by an interrupted set-up.
            trust = layout.release_trust
            believed = trust.read_bytes() if trust.exists() else None
            return provision(board.tty, identity, config=config, release=believed, replace=True)
    except (BoardError, WorkbenchError) as error:
        raise InstallationError(f"{slot.vehicle}: {error}") from error


def _register_vehicle(
    layout: Layout, database: Database, slot: Slot, provisioned: ProvisionResult
) -> None:
    owner = keys.thumbprint(keys.load_rsa(layout.owner_key))
    chain = delegation(layout, slot)
    with database.begin() as connection:
        vehicles.register(
            connection,
            slot.vehicle,
            slot.gateway,
            owner,
            provisioned.record_key,
            provisioned.key_fingerprint,
            _now(),
        )
        delegations.put(connection, slot.vehicle, chain, _now())


def delegation(layout: Layout, slot: Slot) -> Chain:
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
    issuer = keys.modulus(keys.load_rsa(layout.issuing_key))
    return Chain((cose.assemble(cose.PS256, payload, signature),), (keys.modulus(owner), issuer))


def _now() -> int:
    return int(time.time())
