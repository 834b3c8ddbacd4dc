"""The options that all commands at the bench share, and what they come to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

Port = Annotated[
    str | None,
    typer.Option("--port", help="Serial port of the board; found by itself if only one is there."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON object a line; the last one is the result.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")
]
Sim = Annotated[
    bool, typer.Option("--sim", help="A virtual board of its own, with a bolt and a bus.")
]
SimFolder = Annotated[
    Path | None,
    typer.Option("--sim-folder", help="Where the virtual board of --sim is kept; else it is not."),
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Ask nothing: what a person has to look at counts as seen.")
]


@dataclass(frozen=True)
class Options:
    """What was asked for, whatever the command."""

    port: str | None = None
    as_json: bool = False
    dry_run: bool = False
    sim: bool = False
    sim_folder: Path | None = None
    yes: bool = False
