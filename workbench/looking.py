"""A board that is only looked at: nothing is written to its flash, not even `stay`.

The application is interrupted where it runs, and its watchdog gets the longest time that it has;
at the end the board is reset, and the vehicle starts as usual.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from workbench.bench import Bench
from workbench.interpreter import recognise
from workbench.raw_repl import RawRepl

# The longest time of the STM32 chips. Whoever looks must be done before.
LOOK_S = 32
_RUNS = "import sys; print('vcu' in sys.modules)"
_PATIENCE = f"import machine; machine.WDT(timeout={LOOK_S * 1000}).feed()"


@contextmanager
def looking(port: str) -> Iterator[Bench]:
    """Raises ForeignBoardError, NoReplyError and PortError."""
    with RawRepl(port) as repl:
        interpreter = recognise(repl)
        # A watchdog that nobody started must stay off: it can never be stopped.
        runs = repl.exec(_RUNS).strip() == b"True"
        if runs:
            repl.exec(_PATIENCE)
        try:
            yield Bench(repl, interpreter)
        finally:
            if runs:
                repl.send("machine.reset()")
            else:
                repl.leave()
