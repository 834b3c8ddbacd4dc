"""`trifleet ledger compare`: do several sources show one log?"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
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
        list[str],
        typer.Argument(
            help="Two or more: folders, addresses, checkpoint files, `checkpoints.db` of a gateway."
        ),
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
    if evidence is not None and evidence.exists():
        raise UsageError(f"{evidence} is there already")
    views = [view for text in sources for view in _views(text, trusted)]
    if len(views) < 2:
        raise UsageError("name two sources or more")
    relations = compare_views(views)
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


def _views(text: str, trusted: Any) -> list[Any]:
    from fleet_backend.ledger.compare import View
    from trifleet.logsource import open_checkpoint, open_source, read_file

    path = Path(text)
    if not path.is_file():
        source = open_source(text)
        return [View(text, open_checkpoint(source, trusted), source.fetch)]
    if _is_database(path):
        return _views_of_gateway(path, trusted)
    return [View(text, trusted.open_checkpoint(read_file(path)), None)]


def _is_database(path: Path) -> bool:
    from trifleet.errors import UsageError

    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _views_of_gateway(path: Path, trusted: Any) -> list[Any]:
    """What the gateway holds, and each pair of notes that did not agree."""
    from edge_gateway.checkpoints import Checkpoints
    from edge_gateway.errors import CheckpointsError
    from fleet_backend.ledger.compare import View
    from trifleet.errors import UsageError

    # Cosignatures, where the policy asks for them, are no part of what a gateway holds a log to.
    policy = replace(trusted, quorum="none")
    origins = dict.fromkeys(log.name for log in trusted.logs)
    try:
        with closing(Checkpoints(path, read_only=True)) as kept:
            notes = [note for origin in origins for note in _notes(kept, origin)]
    except CheckpointsError as error:
        raise UsageError(str(error)) from error
    if not notes:
        raise UsageError(f"{path} holds nothing of this log")
    return [View(f"{path} ({what})", policy.open_checkpoint(note), None) for what, note in notes]


def _notes(kept: Any, origin: str) -> Iterator[tuple[str, bytes]]:
    """Notes of a log, and what each one is to the gateway."""
    if held := kept.held(origin):
        yield "held", held[0]
    for number in kept.numbers(origin):
        found = kept.disagreement(number)
        yield f"held before {number}", found.held
        yield f"refused {number}, {found.kind.words}", found.refused


def _write(path: Path, data: bytes) -> None:
    from trifleet.errors import UsageError

    try:
        with path.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
