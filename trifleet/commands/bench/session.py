"""One command at the bench, from its options to its exit code: board, events, errors."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import typer

from trifleet.commands.bench.options import Options
from trifleet.commands.bench.sinks import JsonSink, RichSink
from trifleet.commands.common import known_errors
from trifleet.errors import UsageError
from workbench.errors import NoDeviceError, WorkbenchError
from workbench.events import Failure, Result, Sink, Step
from workbench.exits import Exit, explain


@dataclass
class Session:
    """What a command works with. `values` become its result."""

    options: Options
    sink: Sink
    stack: ExitStack
    values: dict[str, object] = field(default_factory=dict)
    _port: str = ""

    def say(self, name: str, text: str) -> None:
        self.sink(Step(name, text))

    def port(self) -> str:
        """Of the one board that is meant; a virtual one is started with --sim."""
        if not self._port:
            self._port = self._find()
        return self._port

    def confirm(self, question: str) -> bool:
        """Asks the mechanic; --yes answers. Raises UsageError where nobody can be asked."""
        if self.options.yes:
            return True
        if self.options.as_json or not sys.stdin.isatty():
            raise UsageError(f"{question} Nobody is there to be asked: add --yes")
        if isinstance(self.sink, RichSink):
            self.sink.close()
        return typer.confirm(question)

    def _find(self) -> str:
        from trifleet.commands.bench.simulated import simulated_board

        if self.options.sim:
            return self.stack.enter_context(simulated_board(self.options.sim_folder))
        if self.options.port is None:
            raise NoDeviceError("no --port was given")
        return self.options.port


@contextmanager
def at_bench(command: str, options: Options) -> Iterator[Session]:
    """Says how it ended: an error event where it failed, always a result, and the exit code."""
    sink = JsonSink() if options.as_json else RichSink()
    failure: Failure | None = None
    with ExitStack() as stack:
        session = Session(options, sink, stack)
        try:
            yield session
        except WorkbenchError as error:
            failure = explain(error)
        except KeyboardInterrupt:
            failure = STOPPED
        except Exception as error:
            if not isinstance(error, (*known_errors(), OSError)):
                raise
            failure = _foreign(error)
    if failure is not None:
        sink(failure)
    code = failure.exit if failure else Exit.DONE
    sink(Result(command, int(code), session.values))
    if failure is not None:
        raise typer.Exit(failure.exit)


STOPPED = Failure(
    int(Exit.INTERRUPTED),
    "Stopped from the keyboard",
    "You pressed Ctrl-C",
    "Run the same command again: it goes on where it was.",
)


def _foreign(error: BaseException) -> Failure:
    """Of another package, or of the computer."""
    if isinstance(error, OSError) and error.filename is not None:
        why = f"{error.filename}: {error.strerror}"
        return Failure(int(Exit.USAGE), "A file cannot be used", why, "Correct its name or rights.")
    usage = getattr(error, "exit_status", 0) == int(Exit.USAGE)
    code = Exit.USAGE if usage else Exit.FAILED
    return Failure(int(code), "The command failed", str(error), "Correct what is named.")
