"""The events of the bench for people (bars on a terminal, lines elsewhere) and for machines."""

import json
import sys
import time
from typing import TYPE_CHECKING

from trifleet.scrubbing import scrub
from workbench.events import Event, Failure, Progress, Result, Step, as_json

if TYPE_CHECKING:
    from rich.progress import TaskID

FREE_TEXT = {"text", "what", "why"}  # may repeat what was typed, or what a file holds
LINE_EVERY = 0.25  # of the whole, where there is no terminal for a bar


class JsonSink:
    """NDJSON on the standard output, each line at once."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    def __call__(self, event: Event, /) -> None:
        seen = as_json(event, time.monotonic() - self._begin)
        for name in FREE_TEXT & set(seen):
            seen[name] = scrub(str(seen[name]))
        print(json.dumps(seen), flush=True)

    def close(self) -> None:
        """Nothing is open."""


class RichSink:
    """Bars with rate and remaining time on a terminal; a line for each quarter elsewhere."""

    def __init__(self) -> None:
        from rich import progress
        from rich.console import Console

        self._out = Console(highlight=False, soft_wrap=True)
        self._begin = time.monotonic()
        self._tasks: dict[str, TaskID] = {}
        self._told: dict[str, float] = {}
        self._bars = progress.Progress(
            progress.TextColumn("           {task.description:<14}", markup=False),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=self._out,
        )

    def __call__(self, event: Event, /) -> None:
        if isinstance(event, Progress):
            self._progress(event)
        elif isinstance(event, Step):
            self._line(event.name, event.text)
        elif isinstance(event, Failure):
            self.close()
            _tell_failure(event)
        elif isinstance(event, Result) and not event.exit:
            self.close()
            self._line("done", event.command)

    def close(self) -> None:
        """Takes the bars off the terminal, so that somebody can be asked something."""
        if self._tasks:
            self._bars.stop()
        for task in self._tasks.values():
            self._bars.remove_task(task)
        self._tasks.clear()

    def _line(self, name: str, text: str) -> None:
        seconds = time.monotonic() - self._begin
        self._out.print(f"{seconds:7.2f} s  {name:<14} {scrub(text)}", markup=False)

    def _progress(self, event: Progress) -> None:
        if not self._out.is_terminal:
            self._quarter(event)
            return
        self._bars.start()
        if event.name not in self._tasks:
            self._tasks[event.name] = self._bars.add_task(event.name, total=event.total)
        self._bars.update(self._tasks[event.name], completed=event.done, total=event.total)

    def _quarter(self, event: Progress) -> None:
        share = event.done / event.total if event.total else 1.0
        if share < 1.0 and share - self._told.get(event.name, 0.0) < LINE_EVERY:
            return
        if self._told.get(event.name) == share:
            return
        self._told[event.name] = share
        self._line(event.name, f"{share:4.0%} of {event.total} {event.unit}")


def _tell_failure(event: Failure) -> None:
    print(f"trifleet bench: {event.what}.", file=sys.stderr)
    print(f"  why:  {scrub(event.why)}", file=sys.stderr)
    print(f"  next: {event.next}", file=sys.stderr)
