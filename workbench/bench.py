"""A board on the bench: its application held back while a tool works, and started afterwards.

An application feeds a watchdog, and a watchdog cannot be stopped. So the tool leaves the file
`stay`, resets the board, and main.py (which removes the file) does not start.
"""

from __future__ import annotations

import time
from binascii import crc32
from collections.abc import Iterator
from contextlib import contextmanager

from workbench.checked import Checked
from workbench.errors import DeviceError, NoReplyError, ReplyError
from workbench.files import BoardFiles
from workbench.folder_slots import FolderSlots
from workbench.interpreter import IS_OURS, Interpreter, enter, recognise
from workbench.raw_repl import RawRepl
from workbench.slots import Slots

STAY = "stay"
RESET_TIMEOUT_S = 15.0
ANSWER_TIMEOUT_S = 3.0
# In one piece: no cut comes between, and no watchdog.
_HOLD = f"""import machine, sys
if {IS_OURS}:
    open({STAY!r}, 'w').close()
    machine.reset()
"""
_START = "import machine; machine.reset()"
RELEASES = 5
# An answer is there sooner than the first word of a board that starts.
ANSWERED_WITHIN_S = 0.08
_HELD = f"""import os
if '_bench' not in globals():
    try:
        os.remove({STAY!r})
    except OSError:
        pass
    print('held')
"""
# From the reset to the prompt, on a board that checks its application in between.
START_TIMEOUT_S = 5.0


class Bench:
    """A board in the raw REPL with nothing else running on it."""

    def __init__(self, repl: RawRepl, interpreter: Interpreter) -> None:
        self.repl = repl
        self.interpreter = interpreter
        self.checked = Checked(repl)
        self.files = BoardFiles(self.checked)

    def slots(self) -> Slots | FolderSlots:
        """Where the application lies: a ROMFS partition, or two folders on a board without one."""
        if self.interpreter.rom_bytes:
            return Slots(self.checked)
        return FolderSlots(self.checked, self.files)


@contextmanager
def on_bench(port: str) -> Iterator[Bench]:
    """Holds the application back; at the end starts it with a reset. Raises ForeignBoardError
    before anything is written to what is no board of ours."""
    with RawRepl(port) as repl:
        enter(repl)
        _reset(repl)
        bench = Bench(repl, recognise(repl))
        try:
            yield bench
        finally:
            _release(bench.repl)


def _release(repl: RawRepl) -> None:
    """Starts the application. An answer means that there was no reset: all over again."""
    for _ in range(RELEASES):
        repl.send(_sure(_START))
        if not repl.has_answered(ANSWERED_WITHIN_S):
            return
        repl.enter()
    raise NoReplyError(f"{repl.port}: the board does not start again")


def _sure(code: str) -> str:
    """Runs only as it was sent: the tools' own means are not there yet."""
    return (
        f"import binascii\n_code = {code!r}\n"
        f"if binascii.crc32(_code.encode()) != {crc32(code.encode())}:\n"
        "    raise ValueError('damaged')\nexec(_code)"
    )


def _reset(repl: RawRepl) -> None:
    deadline = time.monotonic() + RESET_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if _was_reset(repl, deadline):
                return
        except DeviceError:
            recognise(repl)  # it goes on where only the code was damaged on its way
        except (NoReplyError, ReplyError):
            # A board may start again by itself just now, as its watchdog has it: all over again.
            enter(repl, timeout_s=max(0.0, deadline - time.monotonic()))
    raise NoReplyError(f"{repl.port}: the board did not reset")


def _was_reset(repl: RawRepl, deadline: float) -> bool:
    if repl.exec("_bench = True\nprint(_bench)", timeout_s=ANSWER_TIMEOUT_S).strip() != b"True":
        raise ReplyError(f"{repl.port}: an answer to something else")
    # Each time: a reset that came later than it was looked for has taken the file away.
    repl.send(_sure(_HOLD))
    repl.await_start(START_TIMEOUT_S)
    repl.enter(timeout_s=max(0.0, deadline - time.monotonic()))
    # Taken away at once, where main.py was interrupted before it did: power that goes from here on
    # finds a board that starts.
    held = repl.exec(_HELD, timeout_s=ANSWER_TIMEOUT_S)
    if held.strip() == b"held":
        return True
    recognise(repl)  # says what is wrong with it
    return False
