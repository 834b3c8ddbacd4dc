"""`trifleet ledger compare`: do several sources show one log?"""

from pathlib import Path
from typing import Annotated, Any

import typer

from trifleet.commands.common import Json
from trifleet.commands.ledger.common import PolicyFile, Vkey, answer, end, outcomes


def add_to(app: typer.Typer) -> None:
    app.command(
        "compare",
        epilog="Example: trifleet ledger compare https://log.example/fleet my-mirror "
        "seen-yesterday.checkpoint --policy policy.txt --evidence fork",
    )(compare)


@outcomes
def compare(
    sources: Annotated[
        list[str], typer.Argument(help="Two or more: folders, addresses, checkpoint files.")
    ],
    policy: PolicyFile = None,
    vkey: Vkey = None,
    evidence: Annotated[
        Path | None, typer.Option(help="Where to write the evidence of a fork; must not be there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare what several sources show of one log: same, older, or FORK.

    An older view is proved to be the beginning of the newest one, from tiles. A fork is two signed
    checkpoints that no single history explains: whoever has the log's key made both.
    """
    from fleet_backend.ledger.compare import FORK, UNKNOWN, compare_views
    from trifleet.errors import UsageError
    from trifleet.logsource import read_policy

    trusted = read_policy(policy, vkey)
    if len(sources) < 2:
        raise UsageError("name two sources or more")
    if evidence is not None and evidence.exists():
        raise UsageError(f"{evidence} is there already")
    relations = compare_views([_view(text, trusted) for text in sources])
    words = {
        "measure": "the measure: the newest with tiles",
        "same": "the same",
        "older": "older, and the beginning of the measure (proved)",
        FORK: "FORK: contradicts {}",
        UNKNOWN: "cannot be told: newer than what anybody here shows tiles for",
    }
    lines = [
        f"{item.view.name}: {item.view.checkpoint.size} entries: "
        + words[item.verdict].format(item.other.name)
        for item in relations
    ]
    forks = [item.evidence for item in relations if item.evidence is not None]
    if forks and evidence is not None:
        _write(evidence, bytes(forks[0]))
        lines.append(f"Evidence for others: {evidence}")
    values: list[dict[str, Any]] = [
        {
            "source": item.view.name,
            "size": item.view.checkpoint.size,
            "root": item.view.checkpoint.root.hex(),
            "verdict": item.verdict,
            "other": item.other.name,
        }
        for item in relations
    ]
    good = all(item.verdict not in (FORK, UNKNOWN) for item in relations)
    answer(as_json, {"good": good, "sources": values}, lines)
    end(good)


def _view(text: str, trusted: Any) -> Any:
    from fleet_backend.ledger.compare import View
    from trifleet.logsource import open_checkpoint, open_source, read_file

    path = Path(text)
    if path.is_file():
        return View(text, trusted.open_checkpoint(read_file(path)), None)
    source = open_source(text)
    return View(text, open_checkpoint(source, trusted), source.fetch)


def _write(path: Path, data: bytes) -> None:
    from trifleet.errors import UsageError

    try:
        with path.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
