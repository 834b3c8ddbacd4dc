"""Sets a data folder up: keys nobody else has, a log, a witness, and every vehicle.

Every step may be interrupted and repeated; what exists is kept. Private keys are written 0600 and
never printed.
"""

import concurrent.futures
import json
import secrets
import time
from pathlib import Path

from fleet_backend.fleet import gateways, keys
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.keys import generate_log_key, load_log_key, log_vkey
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.writer import create_ledger
from fleet_backend.witness.setup import create_witness
from trifleet.errors import InstallationError
from trifleet.layout import Layout, is_vacant, make_folder, write_private
from trifleet.privacy.keeping import require_finished
from trifleet.provisioning import Say, add_vehicle
from trifleet.slots import slots
from workbench.application import Application

ISSUER = "issuer-1"
_MARK = "installation.json"
_VERSION = 1


def found(layout: Layout, say: Say) -> None:
    """An owner's keys and log, and nothing that runs yet."""
    claim(layout)
    _make_keys(layout, say)


def install(layout: Layout, count: int, say: Say) -> None:
    """Bring the folder to a state in which `count` vehicles can run."""
    wanted = slots(count)
    found(layout, say)
    database = open_database(layout.database_url)
    try:
        database.create_schema()
        register_issuer(layout, database)
        application = Application(Path(__file__).resolve().parent.parent)
        # One vehicle costs a second of one core; two at once is what a small machine has.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            jobs = [
                pool.submit(add_vehicle, layout, database, slot, application, say)
                for slot in wanted
            ]
            for job in jobs:
                job.result()
    finally:
        database.close()


def origin(layout: Layout) -> str:
    """The name of this installation's log."""
    try:
        return str(json.loads((layout.root / _MARK).read_text())["origin"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
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
    require_finished(layout)
    if mark.exists():
        _check_private(layout)
        check_version(layout)
        return
    if not is_vacant(layout.root):
        raise InstallationError(
            f"{layout.root} was not made by trifleet, and is not a new or empty folder:"
            " choose another --data folder"
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


def check_version(layout: Layout) -> None:
    try:
        found = json.loads((layout.root / _MARK).read_text())["version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
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


def register_issuer(layout: Layout, database: Database) -> None:
    """The issuer logs statements of its own, and is known by its key as gateways are."""
    public = keys.public_bytes(keys.load_ed25519(layout.issuer_statement_key))
    with database.begin() as connection:
        gateways.register(connection, ISSUER, public, gateways.ISSUER, _now())


def _now() -> int:
    return int(time.time())
