"""One command at the bench, from its options to its exit code: board, events, errors."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from trifleet.commands.bench.options import Options
from trifleet.commands.bench.sinks import JsonSink, RichSink
from trifleet.commands.common import known_errors
from trifleet.commissioning.errors import BatchError
from trifleet.errors import UsageError
from workbench.errors import WorkbenchError
from workbench.events import Failure, Result, Sink, Step
from workbench.exits import Exit, explain

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

STOPPED = Failure(
    int(Exit.INTERRUPTED),
    "Stopped from the keyboard",
    "You pressed Ctrl-C",
    "Run the same command again: it goes on where it was.",
)


@dataclass
class Session:
    """What a command works with. `values` become its result."""

    options: Options
    sink: Sink
    stack: ExitStack
    values: dict[str, object] = field(default_factory=dict)
    _port: str = ""
    _folder: Path | None = None

    def say(self, name: str, text: str) -> None:
        self.sink(Step(name, text))

    def port(self) -> str:
        """Of the one board that is meant; a virtual one is started with --sim."""
        if not self._port:
            self._port = self.find_port(self.options.port, self.stack)
        return self._port

    def find_port(self, port: str | None, stack: ExitStack, name: str = "") -> str:
        """The board at `port`, or the only one; of several virtual ones that with this `name`."""
        from trifleet.commands.bench.simulated import simulated_board
        from workbench.devices import choose_device, find_devices, read_boards

        if self.options.sim:
            return stack.enter_context(simulated_board(self._sim_folder() / name))
        return choose_device(find_devices(read_boards()), port).port

    def confirm(self, question: str) -> bool:
        """Asks the mechanic; --yes answers. Raises UsageError where nobody can be asked."""
        if self.options.yes:
            return True
        if self.options.as_json or not sys.stdin.isatty():
            raise UsageError(f"{question} Nobody is there to be asked: add --yes")
        if isinstance(self.sink, RichSink):
            self.sink.close()
        return typer.confirm(question)

    def sim_owner(self) -> "RSAPrivateKey":
        """The owner of simulated vehicles, whose key lies beside them."""
        from fleet_backend.fleet import keys

        path = self._sim_folder() / "owner.key"
        return keys.load_rsa(path) if path.exists() else keys.generate_rsa(path)

    def _sim_folder(self) -> Path:
        from trifleet.layout import make_folder

        if self._folder is None:
            kept = self.options.sim_folder
            if kept is None:
                kept = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="sim-")))
            self._folder = make_folder(kept)
        return self._folder


@contextmanager
def at_bench(command: str, options: Options) -> Iterator[Session]:
    """Says how it ended: an error event where it failed, always a result, and the exit code."""
    sink = JsonSink() if options.as_json else RichSink()
    failure: Failure | None = None
    with ExitStack() as stack:
        session = Session(options, sink, stack)
        try:
            yield session
        except BaseException as error:
            failure = as_failure(error)
            if failure is None:
                raise
    if failure is not None:
        sink(failure)
    code = failure.exit if failure else int(Exit.DONE)
    sink(Result(command, code, session.values))
    if failure is not None:
        raise typer.Exit(failure.exit)


def as_failure(error: BaseException) -> Failure | None:
    """What, why and what next; None for a mistake of this program."""
    if _was_stopped(error):
        return STOPPED
    if isinstance(error, WorkbenchError):
        return explain(error)
    if isinstance(error, BatchError):
        return error.failure
    if isinstance(error, OSError) and error.filename is not None:
        why = f"{error.filename}: {error.strerror}"
        return Failure(int(Exit.USAGE), "A file cannot be used", why, "Correct its name or rights.")
    if not isinstance(error, known_errors()):
        return None
    usage = getattr(error, "exit_status", 0) == int(Exit.USAGE)
    code = Exit.USAGE if usage or _is_about_a_file(error) else Exit.FAILED
    return Failure(int(code), "This cannot be done as asked", str(error), "Correct what is named.")


def _was_stopped(error: BaseException | None) -> bool:
    """Also where the cable could not be tidied up after it."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt | typer.Abort):
            return True
        error = error.__context__
    return False


def _is_about_a_file(error: BaseException) -> bool:
    from hw.errors import ConfigError
    from protocol.errors import ProtocolError

    return isinstance(error, ConfigError | ProtocolError)
