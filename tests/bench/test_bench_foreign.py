"""What is no board of ours is named and refused, and nothing is written to it."""

import os
import pty
import threading
import tty
from collections.abc import Callable, Iterator

import pytest

from boards.virtual import VirtualBoard
from workbench.bench import on_bench
from workbench.errors import ForeignBoardError, NoReplyError, WrongBoardError
from workbench.flash import flash_application
from workbench.identify import identify
from workbench.interpreter import recognise
from workbench.raw_repl import RawRepl


def test_another_micropython_on_a_cortex_m0_is_refused(microbit: str) -> None:
    with pytest.raises(ForeignBoardError, match=r"1\.9\.2 .*needs 1\.26 or newer"):
        identify(microbit)
    with pytest.raises(ForeignBoardError, match=r"1\.9\.2"):
        flash_application(microbit, [])
    with RawRepl(microbit) as repl:
        repl.enter()
        # It has no raw paste, and was asked all the same; and it has no file.
        assert repl.exec("import os\nprint(os.listdir())").strip() == b"[]"


Answer = Callable[[bytes], bytes]


@pytest.fixture
def connected() -> Iterator[Callable[[Answer], str]]:
    """A port behind which something answers what it is sent."""
    made: list[tuple[threading.Thread, int, int]] = []

    def connect(answer: Answer) -> str:
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        thread = threading.Thread(target=_serve, args=(ours, answer), daemon=True)
        thread.start()
        made.append((thread, ours, theirs))
        return os.ttyname(theirs)

    yield connect
    for thread, ours, theirs in made:
        os.close(theirs)
        thread.join()
        os.close(ours)


def _serve(descriptor: int, answer: Answer) -> None:
    while True:
        try:
            os.write(descriptor, answer(os.read(descriptor, 256)))
        except OSError:
            return


def modem(sent: bytes) -> bytes:
    return sent + (b"\r\nOK\r\n" if b"AT\r" in sent else b"")


def shell(sent: bytes) -> bytes:
    return sent + (b"\nsh: 1: AT: not found\r\n$ " if b"AT\r" in sent else b"^C\r\n$ ")


def circuit_python(sent: bytes) -> bytes:
    if sent.endswith(b"\x01"):
        return b"raw REPL; CTRL-B to exit\r\n>"
    if sent.startswith(b"\x05A"):
        return b"R\x00"
    if b"print('" in sent and sent.endswith(b"\x04") and b"fact" not in sent:
        token = sent.partition(b"print('")[2].partition(b"'")[0]
        return b"OK" + token + b"\r\n\x04\x04>"
    if sent.endswith(b"\x04"):
        return b"OKfact name circuitpython\r\nfact version 9.2.1\r\n\x04\x04>"
    return b""


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (modem, "a modem"),
        (shell, "a Linux shell"),
        (lambda sent: sent, "loop-back"),
        (lambda sent: bytes(range(128, 250)), "another speed"),
        (lambda sent: b"temperature 21\r\n", "does not heed Ctrl-C"),
        (circuit_python, "circuitpython 9.2.1"),
    ],
    ids=["modem", "shell", "echo", "garbage", "stuck", "circuitpython"],
)
def test_other_things_on_a_serial_line_are_named(
    connected: Callable[[Answer], str], answer: Answer, name: str
) -> None:
    with RawRepl(connected(answer)) as repl, pytest.raises(ForeignBoardError, match=name):
        recognise(repl, timeout_s=1.0)


def test_silence_is_no_reply(connected: Callable[[Answer], str]) -> None:
    with RawRepl(connected(lambda sent: b"")) as repl, pytest.raises(NoReplyError):
        recognise(repl, timeout_s=0.5)


def test_another_board_is_refused_before_anything_is_written(bare: VirtualBoard) -> None:
    with pytest.raises(WrongBoardError, match="and not arduino-portenta-h7"):
        flash_application(bare.tty, board="arduino-portenta-h7")
    with pytest.raises(WrongBoardError, match="no boards/no-such-board"):
        flash_application(bare.tty, board="no-such-board")
    with on_bench(bare.tty) as bench:
        assert bench.repl.exec("import os; print(os.listdir())").strip() == b"[]"
    found = identify(bare.tty)
    assert (found.board, found.version) == ("virtual", "")
    assert [slot.application for slot in found.slots] == [None, None]
