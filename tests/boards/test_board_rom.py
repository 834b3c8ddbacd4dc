"""The ROMFS partition of the virtual board: mapped, written as flash is, and not counted as RAM."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mpremote.romfs import VfsRomWriter

from boards.errors import ImageError, SettingsError
from boards.virtual import VirtualBoard, VirtualBoardSettings
from workbench.raw_repl import RawRepl

MPREMOTE = Path(sys.executable).with_name("mpremote")


def image(text: bytes) -> bytes:
    writer = VfsRomWriter()
    writer.mkfile("hello.py", text)
    return bytes(writer.finalise())


def test_a_board_of_before_gets_a_blank_partition(
    make_board: Callable[..., VirtualBoard], tmp_path: Path
) -> None:
    old = make_board(rom_bytes=0)
    with RawRepl(old.tty) as repl:
        repl.enter()
        repl.exec("f = open('kept', 'w'); f.write('x'); f.close()")
        assert repl.exec("import vfs; print(hasattr(vfs, 'rom_ioctl'))") == b"False\n"
    old.stop()
    assert (tmp_path / "one.img").stat().st_size == 1 << 20
    with RawRepl(make_board().tty) as repl:
        repl.enter()
        assert repl.exec("import vfs; m = vfs.rom_ioctl(2, 0); print(len(m), m[0])") == (
            b"524288 255\n"
        )
        assert repl.exec("print(open('kept').read())") == b"x\n"
    assert (tmp_path / "one.img").stat().st_size == (1 << 20) + (1 << 19)


def test_refuses_partitions_that_cannot_be(tmp_path: Path) -> None:
    for size in (4096, 1 << 30, -8192):
        with pytest.raises(SettingsError, match="rom_bytes"):
            VirtualBoardSettings(image=tmp_path / "x", rom_bytes=size)
    (tmp_path / "x.img").write_bytes(bytes((1 << 20) + 4096))
    with pytest.raises(ImageError, match="1052672 bytes"):
        VirtualBoard(VirtualBoardSettings(image=tmp_path / "x.img")).start()


@pytest.mark.parametrize("rom_bytes", [1 << 13, 1 << 19, 1 << 22])
def test_the_partition_takes_none_of_the_boards_ram(
    make_board: Callable[..., VirtualBoard], rom_bytes: int
) -> None:
    figures = []
    for name, size in (("without", 0), ("with", rom_bytes)):
        with RawRepl(make_board(name, rom_bytes=size).tty) as repl:
            repl.enter()
            code = "import gc; gc.collect(); print(gc.mem_alloc(), gc.mem_free())"
            figures.append([int(word) for word in repl.exec(code).split()])
    (used, free), (used_mapped, free_mapped) = figures
    # What the partition costs is the code that stands for its controller.
    assert 0 < used_mapped - used < 12_000
    assert abs(used_mapped + free_mapped - used - free) <= 1024


def test_is_written_as_flash_is(board: VirtualBoard, repl: RawRepl) -> None:
    repl.exec("import vfs\nio = vfs.rom_ioctl\nm = io(2, 0)")
    assert repl.exec("print(io(1), io(6, 0), io(3, 0, 4096, 8192))") == b"1 4096 4\n"
    assert repl.exec("print(io(4, 0, 4100, b'abc'), bytes(m[4100:4104]))") == b"0 b'abc\\xff'\n"
    # Without erasing, bits only go to 0.
    repl.exec("io(4, 0, 4100, b'\\xff\\x00\\xf0')")
    assert repl.exec("print(bytes(m[4100:4103]))") == b"b'a\\x00`'\n"
    board.power_cut()
    repl.enter()
    repl.exec("import vfs\nio = vfs.rom_ioctl\nm = io(2, 0)")
    assert repl.exec("print(bytes(m[4100:4103]))") == b"b'a\\x00`'\n"
    assert repl.exec("print(io(3, 0, 4096, 4096), bytes(m[4100:4103]))") == (
        b"4 b'\\xff\\xff\\xff'\n"
    )
    for misuse in (
        "io(3, 0, 100, 4096)",
        "io(3, 0, 0, 1 << 20)",
        "io(4, 0, (1 << 19) - 2, b'abc')",
        "io(2, 1)",
        "io(9, 0)",
    ):
        assert repl.exec(f"print({misuse})") == b"-22\n", misuse


def test_mpremote_deploys_and_what_lies_there_is_imported_in_place(
    board: VirtualBoard, tmp_path: Path
) -> None:
    source = tmp_path / "hello.romfs"
    source.write_bytes(image(b"TEXT = 'from the partition'\n"))
    assert "ROMFS image deployed" in mpremote(board.tty, "romfs", "deploy", str(source))
    assert "ROMFS image size" in mpremote(board.tty, "romfs", "query")
    board.reset()
    said = mpremote(board.tty, "exec", "import hello, sys; print(hello.TEXT, hello.__file__)")
    assert said == "from the partition /rom/hello.py\n"


def mpremote(tty: str, *words: str) -> str:
    done = subprocess.run(
        [str(MPREMOTE), "connect", tty, *words], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.replace("\r\n", "\n")
