"""What the subcommands share: the error families, the stop signal, the log, steps with times."""

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

DEFAULT_DATA = Path("data")
Data = Annotated[Path, typer.Option("--data", help="Folder that holds keys, ledger and vehicles.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")]
Config = Annotated[Path, typer.Option("--config", help="The program's TOML settings file.")]


def known_errors() -> tuple[type[Exception], ...]:
    """The roots of every package's errors: these end a command with their own words."""
    from boards.errors import BoardError
    from edge_gateway.errors import GatewayError
    from fleet_backend.anchors.errors import AnchorError
    from fleet_backend.api.errors import ApiError
    from fleet_backend.fleet.errors import FleetError
    from fleet_backend.ingest.errors import IngestError
    from fleet_backend.issuer.errors import IssuerError
    from fleet_backend.ledger.errors import LedgerError
    from fleet_backend.registrar.errors import RegistrarError
    from hw.errors import HwError
    from protocol.errors import ProtocolError
    from trifleet.brokers.common import BrokerError
    from trifleet.errors import TrifleetError
    from workbench.errors import WorkbenchError

    return (
        TrifleetError,
        BrokerError,
        ProtocolError,
        LedgerError,
        AnchorError,
        FleetError,
        IngestError,
        IssuerError,
        RegistrarError,
        ApiError,
        GatewayError,
        BoardError,
        WorkbenchError,
        HwError,
    )


def stop_on_signals() -> threading.Event:
    """An event that Ctrl-C and SIGTERM set; the program then ends in order."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def log_to_stderr(level: int = logging.INFO) -> None:
    """One line an event (`trifleet.logs`). No secret is ever handed to a logger."""
    from trifleet import logs

    logs.set_up(level)


def screen() -> "Console":
    """For people. What comes from a file is printed with `markup=False`."""
    from rich.console import Console  # late: a tenth of the start of every program

    return Console(highlight=False, soft_wrap=True)


def print_table(titles: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """For people, as wide as the terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*titles)
    for row in rows:
        table.add_row(*map(str, row))
    Console().print(table)


class Steps:
    """Says what happened, with the seconds since the start; from any thread."""

    def __init__(self, as_json: bool = False) -> None:
        self.console = screen()
        self._json = as_json
        self._begin = time.monotonic()
        self._lock = threading.Lock()

    def say(self, step: str, words: str) -> None:
        seconds = time.monotonic() - self._begin
        with self._lock:
            if self._json:
                print(json.dumps({"t_s": round(seconds, 3), "step": step, "text": words}))
                sys.stdout.flush()
            else:
                self.console.print(f"{seconds:7.2f} s  {step:<12} {words}", markup=False)
