"""What the ledger's commands share: options, the way errors end a command, words on the screen."""

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer

from trifleet.commands.common import screen

Source = Annotated[str, typer.Argument(help="The log: its folder, or its http(s) address.")]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="Policy file: the log and the witnesses you trust.")
]
Vkey = Annotated[
    str | None, typer.Option("--vkey", help="Instead of a policy: the log's verifier key alone.")
]
Wanted = ParamSpec("Wanted")
HOLDS, DOES_NOT_HOLD = 0, 1


def outcomes(command: Callable[Wanted, None]) -> Callable[Wanted, None]:
    """What keeps a command from its work ends it with status 2, what does not hold with 1."""

    @functools.wraps(command)
    def run(*arguments: Wanted.args, **named: Wanted.kwargs) -> None:
        from fleet_backend.ledger.errors import LogCorruptError, OperationError
        from trifleet.errors import UsageError

        try:
            command(*arguments, **named)
        except LogCorruptError:
            raise
        except OperationError as error:
            raise UsageError(str(error)) from error
        except KeyboardInterrupt:
            raise UsageError("interrupted; nothing was decided") from None
        except BrokenPipeError:
            sys.stderr.close()  # whoever read our output has gone: nothing more to say
            raise SystemExit(DOES_NOT_HOLD) from None

    return run


def plain(value: object) -> str:
    """A text of others could hold what moves the cursor: nothing of it may pass for our words."""
    text = str(value)
    return text if text.isprintable() else ascii(text)


def answer(as_json: bool, values: dict[str, Any], lines: list[str]) -> None:
    """One JSON object for machines, or these lines for people."""
    if as_json:
        print(json.dumps(values))
        return
    console = screen()
    for line in lines:
        console.print(plain(line), markup=False)


def end(good: bool) -> None:
    """Exit status 1 where something does not hold."""
    if not good:
        raise typer.Exit(DOES_NOT_HOLD)


@contextmanager
def bar(words: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal's stderr; nothing anywhere else."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _whole: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(words, total=None)
        yield lambda done, whole: progress.update(task, completed=done, total=whole)
