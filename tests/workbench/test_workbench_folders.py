"""The application in two folders, on a virtual board that has no ROMFS partition: what runs is the
old one or the new one, whatever is cut, and the same command finishes the job."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
import serial
from hello_app import MAIN

from boards.virtual import VirtualBoard, VirtualBoardSettings
from workbench import flash
from workbench.application import BoardFile, board_file
from workbench.bench import on_bench
from workbench.errors import NoSuchFileError, RollbackError, WorkbenchError
from workbench.folder_slots import FolderSlots, tree_hash
from workbench.identify import running_slot
from workbench.rollback import rollback
from workbench.slots import SLOTS

pytestmark = pytest.mark.slow

ROOT = Path(flash.__file__).resolve().parent.parent
LOOSE = [
    board_file("boot.py", (ROOT / "firmware/boot.py").read_bytes()),
    board_file("main.py", MAIN),
]


def application(text: str, more: int = 3) -> list[BoardFile]:
    """With files whose names sort differently by letter and by folder."""
    files = {
        "app/__init__.py": b"",
        "app/hello.py": b"TEXT = %r\n" % text,
        "app-more/data.bin": text.encode() * 700,
    }
    files |= {f"app/part{number}.py": b"# %s\n" % text.encode() * 90 for number in range(more)}
    return [*LOOSE, *(board_file(path, data) for path, data in files.items())]


@pytest.fixture
def board(tmp_path: Path) -> Iterator[VirtualBoard]:
    with VirtualBoard(VirtualBoardSettings(tmp_path / "flash.img", rom_bytes=0)) as made:
        yield made


def put(board: VirtualBoard, text: str) -> flash.FlashResult:
    return flash.flash_application(board.tty, application(text), confirm=False)


def runs(board: VirtualBoard) -> bytes:
    """What the running application says: its text and where it lies."""
    with serial.Serial(board.tty, timeout=10) as port:
        port.read_until(b"running ")
        return port.read_until(b"\n").strip()


def in_slots(board: VirtualBoard) -> tuple[list[bool], int | None]:
    """Which hold a sound application, and which one runs."""
    with on_bench(board.tty) as bench:
        slots = bench.slots()
        assert isinstance(slots, FolderSlots)
        sealed = [slots.sealed(number) for number in SLOTS]
        return [one is not None for one in sealed], running_slot(bench, sealed)


def test_one_folder_is_written_while_the_other_runs(board: VirtualBoard) -> None:
    first = put(board, "one")
    assert first.written == ("application", "boot.py", "main.py")
    assert runs(board) == b"one /flash/slot0/app/hello.py"
    assert put(board, "one").written == ()
    assert put(board, "two").written == ("application",)
    assert runs(board) == b"two /flash/slot1/app/hello.py"
    assert in_slots(board) == ([True, True], 1)
    assert put(board, "three").written == ("application",)
    assert runs(board) == b"three /flash/slot0/app/hello.py"


def test_what_an_older_one_left_goes(board: VirtualBoard) -> None:
    put(board, "one")
    with on_bench(board.tty) as bench:
        bench.files.write("slot1/app/old.py", b"left")
        bench.files.write("slot1/app/inner/deep.py", b"left")
    put(board, "two")
    assert runs(board) == b"two /flash/slot1/app/hello.py"
    with on_bench(board.tty) as bench:
        there = bench.files.hashes("slot1")
    assert not [path for path in there if "old" in path or "deep" in path]


def test_back_to_the_other_folder(board: VirtualBoard) -> None:
    put(board, "one")
    with pytest.raises(RollbackError, match="does not run holds no sound application"):
        rollback(board.tty, confirm=False)
    put(board, "two")
    rollback(board.tty, confirm=False)
    assert runs(board) == b"one /flash/slot0/app/hello.py"
    assert in_slots(board) == ([True, False], 0)
    # What is there already is not written again, but for the seal.
    assert put(board, "two").written == ("application",)
    assert runs(board) == b"two /flash/slot1/app/hello.py"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda files: files.write("slot1/app/hello.py", b"TEXT = 'evil'"),
        lambda files: files.write("slot1/app/another.py", b"more than was sealed"),
        lambda files: files.remove("slot1/app/part0.py"),
        lambda files: files.write("slot1.seal", files.read("slot0.seal")),
        lambda files: files.write("slot1.seal", files.read("slot1.seal")[:-1]),
        lambda files: files.write("slot1.seal", b""),
    ],
    ids=["changed", "more", "less", "another seal", "short seal", "empty seal"],
)
def test_a_folder_that_is_not_what_was_sealed_never_runs(
    board: VirtualBoard, spoil: Callable[[object], None]
) -> None:
    put(board, "one")
    put(board, "two")
    with on_bench(board.tty) as bench:
        spoil(bench.files)
    assert runs(board) == b"one /flash/slot0/app/hello.py"
    assert in_slots(board) == ([True, False], 0)
    put(board, "two")
    assert runs(board) == b"two /flash/slot1/app/hello.py"
    assert in_slots(board) == ([True, True], 1)


def test_power_goes_at_random_moments(board: VirtualBoard) -> None:
    seed = 20_261_127
    random = Random(seed)
    put(board, "v0")
    old = b"v0"
    for number in range(1, 9):
        new = b"v%d" % number
        after = random.randrange(8)

        def cut(progress: flash.FlashProgress, board: VirtualBoard = board) -> None:
            nonlocal after
            after -= 1
            if after < 0:
                board.reset()

        try:
            flash.flash_application(
                board.tty, application(new.decode()), progress=cut, confirm=False
            )
            is_done = True
        except WorkbenchError:
            is_done = False
        text = runs(board).split()[0]
        assert text in (old, new), f"seed {seed}, version {number}"
        assert not is_done or text == new
        put(board, new.decode())
        assert runs(board).split()[0] == new
        old = new


def test_a_hash_of_the_board_is_the_hash_of_the_host(board: VirtualBoard) -> None:
    """Also of names whose order as text is another one than folder by folder."""
    files = {"app/b": b"1", "app-more/a": b"22"}
    with on_bench(board.tty) as bench:
        slots = bench.slots()
        assert isinstance(slots, FolderSlots)
        with pytest.raises(NoSuchFileError):
            slots._hash(0)
        for path, data in files.items():
            bench.files.write(f"slot0/{path}", data)
        assert slots._hash(0) == tree_hash(files)
        assert tree_hash(files) != tree_hash({**files, "app/b": b"2"})
