"""Raw REPL and files against the real MicroPython, and against boards that misbehave."""

import os
import pty
import threading
import tty
from collections.abc import Callable, Iterator

import pytest

from boards.virtual import VirtualBoard
from workbench.errors import (
    DeviceError,
    NoReplyError,
    NoSuchFileError,
    PortError,
    ReplyError,
    VerifyError,
)
from workbench.files import BoardFiles
from workbench.raw_repl import RawRepl


def test_output_and_traceback_are_apart(repl: RawRepl) -> None:
    answer = repl.run("print('before'); 1 / 0")
    assert answer.output == b"before\n"
    assert answer.error.endswith(b"ZeroDivisionError: divide by zero\n")
    with pytest.raises(DeviceError, match="ZeroDivisionError"):
        repl.exec("1 / 0")
    with pytest.raises(DeviceError, match="SyntaxError"):
        repl.exec("print(")
    assert repl.exec("print(1)") == b"1\n"


def test_raw_paste_of_64_kb(board: VirtualBoard, repl: RawRepl) -> None:
    lines = [f"x = {number:>8} # {'.' * 40}\n" for number in range(1200)]
    source = "".join(lines) + "print(x)"
    assert len(source) > 65_000
    assert repl.exec(source) == b"1199\n"


def test_a_program_that_runs_too_long_is_a_named_error(repl: RawRepl) -> None:
    with pytest.raises(NoReplyError):
        repl.exec("while True: pass", timeout_s=0.2)
    repl.enter()
    assert repl.exec("print('again')") == b"again\n"


def test_no_such_port() -> None:
    with pytest.raises(PortError, match="/dev/no-such-port"):
        RawRepl("/dev/no-such-port")


def test_a_port_in_use(board: VirtualBoard, repl: RawRepl) -> None:
    with pytest.raises(PortError):
        RawRepl(board.tty)


@pytest.fixture
def impostor() -> Iterator[Callable[[dict[bytes, bytes]], str]]:
    """A port behind which something answers by rote: {end of what it read: answer}."""
    made: list[tuple[threading.Thread, int, int]] = []

    def make(rote: dict[bytes, bytes]) -> str:
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        thread = threading.Thread(target=_answer, args=(ours, rote), daemon=True)
        made.append((thread, ours, theirs))
        thread.start()
        return os.ttyname(theirs)

    yield make
    for thread, ours, theirs in made:
        os.close(theirs)  # what it reads has an end now
        # The number is free only then: the next port may get it, and two would answer there.
        thread.join()
        os.close(ours)


def _answer(descriptor: int, rote: dict[bytes, bytes]) -> None:
    heard = b""
    while True:
        try:
            heard += os.read(descriptor, 256)
        except OSError:
            return
        for end, answer in rote.items():
            if heard.endswith(end):
                os.write(descriptor, answer)
                heard = b""


GREETING = {b"\x01": b"raw REPL; CTRL-B to exit\r\n>"}


def test_something_that_is_no_board(impostor: Callable[[dict[bytes, bytes]], str]) -> None:
    with RawRepl(impostor({}), timeout_s=0.3) as repl, pytest.raises(NoReplyError):
        repl.enter()


def test_a_board_without_raw_paste(impostor: Callable[[dict[bytes, bytes]], str]) -> None:
    rote = {b"\x05A\x01": b"R\x00", b"print(1)\x04": b"OK1\r\n\x04\x04>"}
    with RawRepl(impostor(rote), timeout_s=2) as repl:
        assert repl.exec("print(1)") == b"1\r\n"


def test_a_board_too_old_to_know_raw_paste(
    impostor: Callable[[dict[bytes, bytes]], str],
) -> None:
    rote = {
        b"\x05A\x01": b"raw REPL; CTRL-B to exit\r\n>",
        b"print(1)\x04": b"OK1\r\n\x04\x04>",
    }
    with RawRepl(impostor(rote), timeout_s=2) as repl:
        assert repl.exec("print(1)") == b"1\r\n"


@pytest.mark.parametrize("reply", [b"XX", b"R\x01\x00\x00", b"R\x01\x02\x00\x09"])
def test_a_board_that_answers_nonsense(
    impostor: Callable[[dict[bytes, bytes]], str], reply: bytes
) -> None:
    with RawRepl(impostor({b"\x05A\x01": reply}), timeout_s=2) as repl, pytest.raises(ReplyError):
        repl.exec("print(1)")


@pytest.mark.parametrize("size", [0, 1, 1535, 1536, 1537, 10_000])
def test_files_come_back_as_written(repl: RawRepl, size: int) -> None:
    files = BoardFiles(repl)
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    files.write("a/b/data.bin", data)
    assert files.read("a/b/data.bin") == data
    assert list(files.hashes("a")) == ["a/b/data.bin"]
    files.remove("a/b/data.bin")
    assert not files.exists("a/b/data.bin")


def test_missing_files_have_a_name(repl: RawRepl) -> None:
    files = BoardFiles(repl)
    for work in (files.read, files.remove, files.sha256):
        with pytest.raises(NoSuchFileError):
            work("none")
    assert files.hashes("none") == {}


def test_a_board_that_stores_something_else_is_found_out(repl: RawRepl) -> None:
    BoardFiles(repl).write("kept", b"old")
    repl.exec(
        "import binascii, sys\n"
        "def bad(text, right=binascii.a2b_base64):\n"
        "    data = right(text)\n"
        "    return b'bad' if data == b'new' else data\n"
        "class Bad:\n"
        "    crc32, hexlify, a2b_base64 = binascii.crc32, binascii.hexlify, staticmethod(bad)\n"
        "sys.modules['binascii'] = Bad"
    )
    with pytest.raises(VerifyError, match="kept"):
        BoardFiles(repl).write("kept", b"new")
    assert repl.exec("import os\nprint(open('kept').read(), os.listdir())") == b"old ['kept']\n"
