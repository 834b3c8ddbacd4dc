"""The application gets onto a board whole, again and again, whatever was there before."""

from pathlib import Path

import pytest
import serial

from boards.virtual import VirtualBoard
from workbench import application, flash
from workbench.application import board_file, collect_application
from workbench.bench import on_bench
from workbench.errors import ApplicationError

ROOT = Path(flash.__file__).resolve().parent.parent
MAIN = b"""import os
import time
try:
    os.remove("stay")
except OSError:
    import app.hello
    while True:
        print("running", app.hello.TEXT)
        time.sleep_ms(20)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    for name, text in [
        ("firmware/boot.py", "# nothing\n"),
        ("firmware/main.py", MAIN.decode()),
        ("firmware/app/__init__.py", ""),
        ("firmware/app/hello.py", "TEXT = 'hello'\n"),
        ("protocol/cbor.py", "VERSION = 1\n"),
    ]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def run_until(board: VirtualBoard, name: str) -> bytes:
    """Content of a file that the application writes when it runs."""
    with on_bench(board.tty) as bench:
        return bench.files.read(name)


def test_collects_compiled_modules_and_plain_starts(checkout: Path) -> None:
    files = collect_application(checkout)
    assert [file.path for file in files] == [
        "app/__init__.mpy",
        "app/hello.mpy",
        "boot.py",
        "main.py",
        "protocol/cbor.mpy",
    ]
    assert all(file.data[:2] == b"M\x06" for file in files if file.path.endswith(".mpy"))
    assert collect_application(checkout) == files
    assert str(checkout).encode() not in b"".join(file.data for file in files)


def test_names_the_source_that_does_not_compile(checkout: Path) -> None:
    (checkout / "firmware/app/hello.py").write_text("def\n")
    with pytest.raises(ApplicationError, match=r"app/hello\.py"):
        collect_application(checkout)
    with pytest.raises(ApplicationError, match="neither"):
        collect_application(checkout / "nowhere")


def test_the_projects_own_application_compiles() -> None:
    assert any(file.path.startswith("protocol/") for file in collect_application(ROOT))


def test_flashes_runs_and_then_writes_nothing_more(board: VirtualBoard, checkout: Path) -> None:
    files = collect_application(checkout)
    steps: list[flash.FlashProgress] = []
    result = flash.flash_application(board.tty, files, progress=steps.append)
    assert result.written[-1] == "main.py"
    assert set(result.written) == {file.path for file in files}
    assert steps[-1].bytes_done == steps[-1].bytes_total == result.bytes_written
    wait_for_run(board)
    again = flash.flash_application(board.tty, files)
    assert again.written == again.removed == ()
    assert set(again.skipped) == {file.path for file in files}


def wait_for_run(board: VirtualBoard) -> None:
    with serial.Serial(board.tty, timeout=10) as port:
        assert b"running hello" in port.read_until(b"running hello\n")


def test_repairs_a_short_file_and_removes_what_shadows(board: VirtualBoard, checkout: Path) -> None:
    files = collect_application(checkout)
    flash.flash_application(board.tty, files)
    hello = next(file for file in files if file.path == "app/hello.mpy")
    with on_bench(board.tty) as bench:
        bench.files.write("app/hello.mpy", hello.data[:-5])
        bench.files.write("app/hello.py", b"TEXT = 'shadow'\n")
        bench.files.write("kept", b"not of the application")
    result = flash.flash_application(board.tty, files)
    assert result.written == ("app/hello.mpy", "main.py")
    assert result.removed == ("app/hello.py",)
    wait_for_run(board)
    assert run_until(board, "kept") == b"not of the application"


def test_a_cut_flash_starts_nothing_and_is_finished_later(
    board: VirtualBoard, checkout: Path
) -> None:
    flash.flash_application(board.tty, collect_application(checkout))
    (checkout / "firmware/app/hello.py").write_text("TEXT = 'hello again'\n")
    (checkout / "protocol/cbor.py").write_text("VERSION = 2\n")
    files = collect_application(checkout)

    def cut(step: flash.FlashProgress) -> None:
        if step.path == "protocol/cbor.mpy":
            raise KeyboardInterrupt  # the mechanic's cable

    with pytest.raises(KeyboardInterrupt):
        flash.flash_application(board.tty, files, progress=cut)
    with on_bench(board.tty) as bench:
        assert not bench.files.exists("main.py")
    assert flash.flash_application(board.tty, files).written == ("protocol/cbor.mpy", "main.py")


def test_an_application_with_a_watchdog_does_not_disturb_the_work(board: VirtualBoard) -> None:
    main = MAIN.partition(b"    import app")[0] + (
        b"    import machine\n"
        b"    dog = machine.WDT(timeout=400)\n"
        b"    while True:\n"
        b"        dog.feed(); time.sleep_ms(5)\n"
    )
    flash.flash_application(board.tty, [board_file("main.py", main)])
    with on_bench(board.tty) as bench:
        boots = board.boots
        bench.repl.exec("import time; time.sleep_ms(600)")  # longer than the watchdog allows
        assert (board.boots, board.reset_cause) == (boots, 2)


def test_the_compiler_is_found() -> None:
    assert application.find_compiler().name == "mpy-cross"
