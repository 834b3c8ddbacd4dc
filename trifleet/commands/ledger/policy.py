"""`trifleet ledger policy`: what a policy file means, and whether it is safe."""

from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.common import Json
from trifleet.commands.ledger.common import answer, end, outcomes

app = typer.Typer(
    no_args_is_help=True, help="Policy files: which log and which witnesses to trust."
)


@app.callback()
def group() -> None:
    """Policy files: which log and which witnesses to trust."""


@app.command("check", epilog="Example: trifleet ledger policy check policy.txt")
@outcomes
def check(
    policy: Annotated[Path, typer.Argument(help="The policy file.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 on a warning.")] = False,
    as_json: Json = False,
) -> None:
    """Say in words what a policy asks for, and warn where it is not safe."""
    from fleet_backend.ledger.policysafety import warnings
    from trifleet.logsource import read_policy

    found = read_policy(policy, None)
    told = warnings(found)
    lines = [f"Trusts the log {log.name} (key {log.key_id:08x})." for log in found.logs]
    if not found.logs:
        lines.append("Trusts no log: nothing can be verified with it.")
    for name, witness in found.witnesses.items():
        lines.append(f"Knows the witness {name}: {witness.name} (key {witness.key_id:08x}).")
    for name, rule in found.groups.items():
        members = ", ".join(rule.members)
        lines.append(f"{name} means at least {rule.threshold} of: {members}.")
    if found.quorum == "none":
        lines.append("Asks for no cosignature: the log's own signature is enough.")
    else:
        lines.append(f"A checkpoint holds if the log signed it and {found.quorum} cosigned it.")
    lines += [f"Warning: {line}" for line in told]
    values = {
        "logs": [log.vkey for log in found.logs],
        "witnesses": {name: witness.vkey for name, witness in found.witnesses.items()},
        "groups": {
            name: {"threshold": rule.threshold, "members": list(rule.members)}
            for name, rule in found.groups.items()
        },
        "quorum": found.quorum,
        "warnings": told,
    }
    answer(as_json, values, lines)
    end(bool(found.logs) and not (strict and told))
