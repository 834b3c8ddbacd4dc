"""What is at the other end of a serial port: interpreter, board, application, slots. Writes nothing
but the file `stay`, and that only to a board whose interpreter was recognised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from boards.description import BoardDescription
from workbench.bench import Bench, on_bench
from workbench.devices import read_boards
from workbench.errors import ApplicationError, DeviceError, ReplyError, WrongBoardError
from workbench.interpreter import Interpreter
from workbench.romfs import Sealed
from workbench.slots import SLOTS

_RUNNING = "import __main__; print(getattr(__main__, 'slot', None))"
_BUILT_FOR = "try:\n import trifleet_board\n print(trifleet_board.NAME)\nexcept ImportError:\n pass"
_VERSION = "from vcu import version; print(version.FIRMWARE)"


@dataclass(frozen=True)
class Slot:
    """One half of the ROMFS partition. `application` is the SHA-256 of what is sealed in it: the
    same for the same files; None where nothing lies there that would run."""

    number: int
    runs: bool
    sequence: int | None
    application: bytes | None
    image_bytes: int


@dataclass(frozen=True)
class Identified:
    """`board` is the folder of boards/, empty where none fits; `version` is empty without an
    application; `slots` is empty where the board has no ROMFS partition."""

    port: str
    interpreter: Interpreter
    board: str
    version: str
    slots: tuple[Slot, ...]
    slot_bytes: int


def identify(port: str) -> Identified:
    """Resets the board twice: into its REPL, and into its application again. Raises
    ForeignBoardError, NoReplyError and PortError."""
    with on_bench(port) as bench:
        return identify_bench(bench)


def identify_bench(bench: Bench) -> Identified:
    slots, slot_bytes = _slots(bench)
    return Identified(
        port=bench.repl.port,
        interpreter=bench.interpreter,
        board=board_of(bench.interpreter, read_boards()),
        version=_version(bench),
        slots=slots,
        slot_bytes=slot_bytes,
    )


def board_of(interpreter: Interpreter, known: Sequence[BoardDescription]) -> str:
    """The board whose description has the interpreter's text for its machine; "" for none."""
    for board in known:
        if board.machine and interpreter.machine.startswith(board.machine):
            return board.name
    return ""


def check_board(bench: Bench, wanted: str) -> None:
    """Raises WrongBoardError unless `bench` is a board of this name (a folder of boards/)."""
    known = read_boards()
    if wanted not in {board.name for board in known}:
        raise WrongBoardError(f"{bench.repl.port}: there is no boards/{wanted}")
    found = board_of(bench.interpreter, known)
    if found != wanted:
        raise WrongBoardError(
            f"{bench.repl.port}: {found or 'a board without a description'}"
            f" ({bench.interpreter}), and not {wanted}"
        )
    # The virtual board's interpreter is nobody's build, and knows its pins by itself.
    if next(board for board in known if board.name == wanted).status != "virtual":
        _check_built_for(bench, wanted)


def _check_built_for(bench: Bench, wanted: str) -> None:
    # Without the names of boards/NAME/pins.csv the application would crash at each start.
    built_for = bench.checked.exec(_BUILT_FOR).strip().decode("utf-8", "replace")
    if built_for != wanted:
        raise WrongBoardError(
            f"{bench.repl.port}: its MicroPython ({bench.interpreter}) was built"
            f" {'for ' + built_for if built_for else 'elsewhere'} and does not know the pins of"
            f" {wanted}: boards/{wanted}/README.md says how to build and write it"
        )


def running_slot(bench: Bench, sealed: Sequence[Sealed | None]) -> int | None:
    """As boot.py said when it ran; else as it chooses where nothing is on trial."""
    said = bench.checked.exec(_RUNNING).strip()
    for number in SLOTS:
        if said == b"%d" % number and sealed[number]:
            return number
    return max(
        (number for number in SLOTS if sealed[number]),
        key=lambda number: (seal.sequence if (seal := sealed[number]) else -1, -number),
        default=None,
    )


def _slots(bench: Bench) -> tuple[tuple[Slot, ...], int]:
    try:
        slots = bench.slots()
    except ApplicationError:
        return (), 0
    sealed = [slots.sealed(number) for number in SLOTS]
    runs = running_slot(bench, sealed)
    return tuple(
        Slot(
            number,
            number == runs,
            seal.sequence if seal else None,
            seal.body if seal else None,
            seal.image_bytes if seal else 0,
        )
        for number, seal in zip(SLOTS, sealed, strict=True)
    ), slots.slot_bytes


def _version(bench: Bench) -> str:
    try:
        text = bench.checked.exec(_VERSION).decode().strip()
    except DeviceError:
        return ""  # no application, or not this one
    except UnicodeDecodeError as error:
        raise ReplyError(f"{bench.repl.port}: a version that is no text") from error
    return text
