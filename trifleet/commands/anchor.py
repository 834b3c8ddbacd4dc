"""`trifleet anchor`: checkpoints into OpenTimestamps and into an EVM contract, and their proofs.

Optional: without it, and with everything of it dead, the log and every unlock go on.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from trifleet.commands.common import DEFAULT_DATA, Data, Json, log_to_stderr, stop_on_signals

Settings = Annotated[
    Path | None, typer.Option("--config", help="The settings; DATA/config/anchor.toml if not said.")
]
app = typer.Typer(no_args_is_help=True, help="Anchor checkpoints in ledgers of others (optional).")


@app.callback()
def group() -> None:
    """Anchor checkpoints in ledgers of others (optional)."""


@app.command("init")
def init(
    calendar: Annotated[
        list[str] | None, typer.Option(help="An OpenTimestamps calendar's URL; several times.")
    ] = None,
    needed: Annotated[int, typer.Option(help="Calendars that must answer; 0: all.", min=0)] = 0,
    rpc: Annotated[str, typer.Option(help="URL of an EVM chain's node.")] = "",
    chain_id: Annotated[int, typer.Option(help="The chain's number.", min=0)] = 0,
    contract: Annotated[str, typer.Option(help="The contract, if there is one already.")] = "",
    every_min: Annotated[int, typer.Option(help="Anchor at most this often.", min=1)] = 60,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write the settings file, and for a chain a new key. Nothing is sent anywhere."""
    from trifleet.anchoring import InitWishes, initialise

    wishes = InitWishes(tuple(calendar or ()), needed, rpc, chain_id, contract, every_min)
    for line in initialise(data, wishes):
        print(line)


@app.command("deploy")
def deploy(config: Settings = None, data: Data = DEFAULT_DATA) -> None:
    """Make the contract if the settings name none, and begin the log's row in it. Costs gas."""
    from trifleet.anchoring import deploy as run_deploy

    log_to_stderr()
    run_deploy(_config(config, data), stop_on_signals(), print)


@app.command("run")
def run(
    config: Settings = None,
    data: Data = DEFAULT_DATA,
    once: Annotated[bool, typer.Option("--once", help="One round, then end.")] = False,
) -> None:
    """Watch the published checkpoint and anchor it, until stopped."""
    from trifleet.anchoring import run_once, run_until

    log_to_stderr()
    if once:
        run_once(_config(config, data))
    else:
        run_until(_config(config, data), stop_on_signals())


@app.command("status")
def status(config: Settings = None, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """What was anchored and where it stands, from the anchors' folder alone."""
    from trifleet.anchoring import status as read_status

    for item in read_status(_config(config, data)):
        print(json.dumps(item) if as_json else _line(item))


@app.command("export")
def export(
    out: Annotated[Path, typer.Argument(help="The proof file to write.")],
    size: Annotated[
        int, typer.Option(help="Which checkpoint; else the newest with an anchor.")
    ] = 0,
    config: Settings = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write a proof that a stranger can verify."""
    from trifleet.anchoring import export as make_proof

    found, proof = make_proof(_config(config, data), size)
    _write(out, proof)
    print(f"{out}: proof of the anchors of the checkpoint at size {found}")


@app.command("verify")
def verify(
    proof: Annotated[Path, typer.Argument(help="The proof file.")],
    policy: Annotated[Path, typer.Option(help="The policy file: which log you trust.")],
    headers: Annotated[
        Path | None, typer.Option(help="Bitcoin block headers, one a line: height, hexadecimal.")
    ] = None,
    esplora: Annotated[str, typer.Option(help="Or the URL of an Esplora to ask for them.")] = "",
    rest: Annotated[str, typer.Option(help="Or the URL of a Bitcoin node's REST.")] = "",
    least_work_bits: Annotated[
        int, typer.Option(help="Hashes behind a header, as a power of two.", min=0, max=255)
    ] = 68,
    rpc: Annotated[str, typer.Option(help="URL of a node of the EVM chain to ask.")] = "",
    contract: Annotated[str, typer.Option(help="The contract, if you know it.")] = "",
    owner: Annotated[str, typer.Option(help="The owner's address, if you know it.")] = "",
    confirmations: Annotated[int, typer.Option(help="Blocks it must lie deep.", min=1)] = 12,
    as_json: Json = False,
) -> None:
    """Verify a proof with what you supply; nobody is asked whom you did not name."""
    from trifleet.anchor_check import Sources, check, describe

    sources = Sources(headers, esplora, rest, least_work_bits, rpc, contract, owner, confirmations)
    found = check(_read(proof), _read(policy), sources)
    if as_json:
        print(json.dumps(found))
    else:
        print("\n".join(describe(found)))
    if not found["holds"]:
        raise typer.Exit(1)


def _config(config: Path | None, data: Path) -> Path:
    from trifleet.layout import Layout

    return Layout(data).config("anchor") if config is None else config


def _line(item: dict[str, Any]) -> str:
    return "  ".join(f"{key} {value}" for key, value in item.items() if value not in ("", None))


def _read(path: Path) -> bytes:
    from trifleet.errors import TrifleetError

    try:
        return path.read_bytes()
    except OSError as error:
        raise TrifleetError(f"{path}: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    from trifleet.errors import TrifleetError

    try:
        path.write_bytes(content)
    except OSError as error:
        raise TrifleetError(f"{path}: {error.strerror}") from error
