"""`trifleet witness`: cosign other owners' logs, and keep what shows that one of them lied."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.common import Config, Json, log_to_stderr, print_table, stop_on_signals

if TYPE_CHECKING:
    from fleet_backend.ledger.note import Verifier
    from fleet_backend.ledger.witnessdb import WitnessDatabase
    from fleet_backend.witness.settings import WitnessSettings

app = typer.Typer(
    no_args_is_help=True, help="Be a witness: cosign logs of others, never two histories."
)
Vkey = Annotated[str, typer.Argument(help="The log's verifier key: name+id+key.")]


@app.command("init")
def init(
    folder: Annotated[Path, typer.Argument(help="A new folder for keys, memory and settings.")],
    name: Annotated[
        str, typer.Option(help="Name on every cosignature: an address without its scheme.")
    ],
    url: Annotated[str, typer.Option(help="Where logs will reach this witness.")] = "",
) -> None:
    """Make a witness: an Ed25519 and an ML-DSA-44 key, an empty memory, a settings file."""
    from fleet_backend.witness.setup import SETTINGS_FILE, create_witness, policy_lines

    cosigners = create_witness(folder.absolute(), name)
    print(f"# Made {folder}. Never copy it back from a back-up: a witness that forgot what it")
    print("# cosigned would cosign a second history. Make a new one instead.")
    print("# For the policy files of those who trust this witness:")
    for line in policy_lines([cosigner.verifier for cosigner in cosigners], name, url):
        print(line)
    print("# Next, a log that it shall cosign, and then serve it:")
    print(f"# trifleet witness add-log --config {folder / SETTINGS_FILE} VKEY")
    print(f"# trifleet witness serve --config {folder / SETTINGS_FILE}")


@app.command("serve")
def serve(
    config: Config,
    port: Annotated[int, typer.Option(help="Another port than the settings say.")] = 0,
) -> None:
    """Cosign for the logs that were added, until Ctrl-C or until the disk fails.

    It ends with 1 then: whoever keeps programs running starts it again, and nothing is forgotten.
    """
    from fleet_backend.witness.app import create_app
    from fleet_backend.witness.setup import open_witness
    from trifleet.ports import LOOPBACK, require_free
    from trifleet.server import serve_app

    log_to_stderr()
    stop = stop_on_signals()
    settings = _settings(config)
    at = port or settings.port
    if settings.host == LOOPBACK:
        require_free(at)
    witness = open_witness(settings)
    with witness.database:
        logs = len(witness.database.origins())
        print(f"witness {settings.name} on http://{settings.host}:{at}{settings.prefix}", end=" ")
        print(f"knows {logs} {'log' if logs == 1 else 'logs'}", flush=True)
        serve_app(
            create_app(witness, settings, failed=stop.set),
            settings.host,
            at,
            stop,
        )
        witness.database.require_working()


@app.command("add-log")
def add_log(vkey: Vkey, config: Config) -> None:
    """Cosign for a log from now on; a second key of a log is added beside the first."""
    log = _parse(vkey)
    with _database(config) as database:
        known = database.trusted(log.name)
        if not database.trust(log):
            print(f"log {log.name}: this key is known already")
        elif known:
            print(f"log {log.name}: one more key, {len(known) + 1} now")
        else:
            print(f"log {log.name}: added; its first checkpoint will be taken as it is")


@app.command("remove-log")
def remove_log(vkey: Vkey, config: Config) -> None:
    """Trust a log's key no more. What was cosigned of the log is never forgotten."""
    log = _parse(vkey)
    with _database(config) as database:
        if database.distrust(log):
            left = len(database.trusted(log.name))
            print(f"log {log.name}: key removed, {left} left")
        else:
            print(f"log {log.name}: this key was not known")


@app.command("status")
def status(config: Config, as_json: Json = False) -> None:
    """Show the logs, what was cosigned last of each, and what speaks against one."""
    with _database(config) as database:
        rows = [_state(database, origin) for origin in database.origins()]
    if as_json:
        print(json.dumps(rows))
        return
    titles = ("log", "keys", "cosigned last", "evidence", "suspicions", "state")
    print_table(titles, (row.values() for row in rows))


def _state(database: "WitnessDatabase", origin: str) -> dict[str, object]:
    newest = database.newest(origin)
    kept = [one for one in database.evidence() if one.origin == origin]
    proved = sum(one.is_complete for one in kept)
    keys = len(database.trusted(origin))
    return {
        "origin": origin,
        "keys": keys,
        "size": newest.size if newest else "nothing yet",
        "evidence": proved,
        "suspicions": len(kept) - proved,
        "state": _words(database.is_doubted(origin), proved, keys),
    }


def _words(is_doubted: bool, proved: int, keys: int) -> str:
    if is_doubted:
        return "stopped: this memory is older than what was cosigned; make a new witness"
    if proved:
        return "the log signed two histories"
    return "good" if keys else "no key is trusted"


@app.command("evidence")
def evidence(
    config: Config,
    number: Annotated[int, typer.Option(help="Which one to export; 0 lists them.")] = 0,
    out: Annotated[Path | None, typer.Option(help="File to write it to.")] = None,
    as_json: Json = False,
) -> None:
    """List what was kept about logs that contradict themselves, or export one file of it."""
    from trifleet.errors import TrifleetError

    with _database(config) as database:
        kept = database.evidence()
    if number:
        found = [one for one in kept if one.number == number]
        if not found or out is None:
            raise TrifleetError(
                "--out FILE is needed" if found else f"there is no evidence {number}"
            )
        _write(out, found[0].file)
        print(f"{out}: verify it with `trifleet witness verify-evidence {out} --log VKEY`")
        return
    rows = [
        {"number": one.number, "origin": one.origin,
         "what": "split view, proved" if one.is_complete else "suspicion",
         "kept": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one.kept_s))}
        for one in kept
    ]  # fmt: skip
    if as_json:
        print(json.dumps(rows))
        return
    print_table(("number", "log", "what", "kept"), (row.values() for row in rows))


@app.command("verify-evidence")
def verify_evidence(
    file: Annotated[Path, typer.Argument(help="The file of evidence.")],
    log: Annotated[list[str], typer.Option(help="The log's verifier key, or each that it had.")],
    witness: Annotated[
        list[str] | None,
        typer.Option(help="Verifier keys of witnesses: those that cosigned both are named."),
    ] = None,
    tiles: Annotated[
        Path | None,
        typer.Option(help="The log's public files (a mirror), to complete a suspicion from."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the completed file.")] = None,
) -> None:
    """Check a file of evidence offline: with the log's verifier key, and nothing else."""
    from fleet_backend.ledger import evidence as rules
    from fleet_backend.ledger.storage import FolderFetch
    from trifleet.errors import TrifleetError

    keys = tuple(_parse(vkey) for vkey in log)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise TrifleetError(f"{file}: {error.strerror}") from error
    if tiles is not None:
        suspicion = rules.parse_evidence(data)
        data = bytes(rules.complete_evidence(suspicion, FolderFetch(tiles), keys))
        if out is not None:
            _write(out, data)
    found = rules.verify_evidence(data, keys, tuple(map(_parse, witness or [])))
    print(f"PROVED: {found}")
    for name in sorted({key.name for key in found.cosigned_both}):
        print(f"PROVED: witness {name!r} cosigned both")


def _settings(config: Path) -> "WitnessSettings":
    from fleet_backend.fleet.settings import load
    from fleet_backend.ledger.errors import ConfigError
    from fleet_backend.witness.settings import WitnessSettings
    from trifleet.errors import TrifleetError

    try:
        return load(config, WitnessSettings)
    except ConfigError as error:
        raise TrifleetError(f"{config}: {error}") from error


def _database(config: Path) -> "WitnessDatabase":
    from fleet_backend.ledger.witnessdb import WitnessDatabase

    return WitnessDatabase(_settings(config).database)


def _parse(vkey: str) -> "Verifier":
    from fleet_backend.ledger.note import parse_vkey

    return parse_vkey(vkey.strip())


def _write(path: Path, data: bytes) -> None:
    from trifleet.errors import TrifleetError

    try:
        with path.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise TrifleetError(f"{path}: {error.strerror}") from error
