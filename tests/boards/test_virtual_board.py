"""The virtual board behaves as a chip does: resets, watchdog, clock, flash, and no leftovers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from boards.errors import ImageError, SettingsError
from boards.virtual import VirtualBoard, VirtualBoardSettings
from workbench.errors import DeviceError
from workbench.raw_repl import RawRepl

LOOP = b"import time\nprint('main runs')\nwhile True:\n    time.sleep_ms(5)\n"


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "condition never came"
        time.sleep(0.005)


def read_prompt(repl: RawRepl) -> bytes:
    """What the board says until its friendly prompt."""
    received = b""
    while b">>> " not in received:
        received += repl._serial.read(1)
    return received


def put(repl: RawRepl, name: str, text: bytes) -> None:
    repl.exec(f"with open({name!r}, 'wb') as f: f.write({text!r})")


def test_is_micropython_on_littlefs_without_the_hosts_files(repl: RawRepl) -> None:
    assert repl.exec("import sys; print(sys.implementation.name)") == b"micropython\n"
    assert repl.exec("import os; print(os.getcwd(), sorted(os.listdir('/')))") == (
        b"/flash ['chip', 'flash']\n"
    )
    with pytest.raises(DeviceError, match="ENODEV"):
        repl.exec("open('/etc/passwd')")
    with pytest.raises(DeviceError, match="OSError: 30"):
        repl.exec("open('/chip/machine.py', 'w')")


def test_urandom_is_there_and_the_environment_is_bare(
    repl: RawRepl, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repl.exec("import os; print(len(os.urandom(16)))") == b"16\n"
    assert repl.exec("print(os.getenv('HOME'))") == b"None\n"


def test_boot_and_main_run_in_order_and_share_their_names(
    board: VirtualBoard, repl: RawRepl
) -> None:
    put(repl, "boot.py", b"order = ['boot']\n")
    put(repl, "main.py", b"order.append('main')\n")
    board.reset()
    read_prompt(repl)
    repl.enter()
    assert repl.exec("print(order)") == b"['boot', 'main']\n"
    repl.soft_reset()
    assert repl.exec("print(order)") == b"['boot']\n"  # the raw REPL leaves main.py out


def test_ctrl_c_interrupts_main(board: VirtualBoard, repl: RawRepl) -> None:
    put(repl, "main.py", LOOP)
    board.reset()
    port = repl._serial
    received = b""
    while b"main runs" not in received:
        received += port.read(1)
    port.write(b"\x03")
    while b">>> " not in received:
        received += port.read(1)
    assert b"KeyboardInterrupt" in received


def test_an_error_in_main_is_shown_and_the_repl_comes(board: VirtualBoard, repl: RawRepl) -> None:
    put(repl, "main.py", b"raise ValueError('broken')\n")
    board.reset()
    received = read_prompt(repl)
    assert b'File "main.py", line 1' in received
    assert b"ValueError: broken" in received


def test_system_exit_is_a_soft_reset(board: VirtualBoard, repl: RawRepl) -> None:
    put(repl, "main.py", b"import machine, sys\nif machine.reset_cause() != 5: sys.exit(3)\n")
    board.reset()
    read_prompt(repl)
    repl.enter()
    assert repl.exec("import machine; print(machine.reset_cause())") == b"5\n"


def test_reset_causes(board: VirtualBoard, repl: RawRepl) -> None:
    cause = "import machine; print(machine.reset_cause())"
    assert repl.exec(cause) == b"1\n"
    repl.soft_reset()
    assert repl.exec(cause) == b"5\n"
    repl.exec("import machine")
    boots = board.boots
    repl.send("machine.reset()")
    wait_for(lambda: board.boots > boots)
    repl.enter()
    assert repl.exec(cause) == b"2\n"
    board.power_cut()
    repl.enter()
    assert repl.exec(cause) == b"1\n"


def test_many_soft_resets_lose_no_byte(repl: RawRepl) -> None:
    for number in range(25):
        repl.soft_reset()
        assert repl.exec(f"print({number})") == b"%d\n" % number


def test_flash_survives_a_power_cut_while_it_writes(board: VirtualBoard, repl: RawRepl) -> None:
    put(repl, "kept", b"written before")
    repl.send(
        "i = 0\nwhile True:\n    i += 1\n    f = open('log', 'w'); f.write(str(i)); f.close()\n"
        "    if i % 10 == 0: print(i)\n"
    )
    received = b""
    while received.count(b"\n") < 4:
        received += repl._serial.read(1)
    board.power_cut()
    repl.enter()
    assert repl.exec("print(open('kept').read())") == b"written before\n"
    assert int(repl.exec("print(open('log').read())")) >= 30


def test_flash_and_unique_number_outlive_the_board(
    make_board: Callable[..., VirtualBoard],
) -> None:
    first = make_board()
    with RawRepl(first.tty) as repl:
        repl.enter()
        put(repl, "kept", b"x")
        number = repl.exec("import machine; print(machine.unique_id().hex())")
    first.stop()
    with RawRepl(make_board().tty) as repl:
        repl.enter()
        assert repl.exec("import os; print(os.listdir())") == b"['kept']\n"
        assert repl.exec("import machine; print(machine.unique_id().hex())") == number


def test_a_damaged_flash_is_reported_and_left_alone(
    make_board: Callable[..., VirtualBoard], tmp_path: Path
) -> None:
    (tmp_path / "one.img").write_bytes(b"\x55" * (1 << 20))
    with RawRepl(make_board().tty) as repl:
        repl.enter()
        assert repl.exec("import os; print(os.listdir('/'))") == b"['chip']\n"
    assert (tmp_path / "one.img").read_bytes()[: 1 << 20] == b"\x55" * (1 << 20)


def test_the_watchdog_bites_unless_fed(board: VirtualBoard, repl: RawRepl) -> None:
    boots = board.boots
    repl.exec(
        "import machine, time\nw = machine.WDT(timeout=200)\n"
        "for _ in range(20):\n    time.sleep_ms(20); w.feed()"
    )
    assert board.boots == boots
    wait_for(lambda: board.boots > boots)
    assert board.reset_cause == 3
    time.sleep(0.25)  # longer than its time: the reset has stopped it
    assert board.boots == boots + 1


def test_the_watchdog_goes_on_across_a_soft_reset(board: VirtualBoard, repl: RawRepl) -> None:
    repl.exec("import machine\nw = machine.WDT(timeout=3000)")
    repl.soft_reset()
    wait_for(lambda: board.reset_cause == 3)


def test_the_clock_can_be_wrong_and_is_set(board: VirtualBoard, repl: RawRepl) -> None:
    read = "import time, machine; print(time.time())"
    board.set_clock_offset(-86400)
    assert abs(int(repl.exec(read)) - (time.time() - 86400)) < 5
    repl.exec("machine.RTC().datetime((2031, 2, 28, 5, 23, 59, 58, 0))")
    board.power_cut()  # the battery keeps it
    repl.enter()
    assert repl.exec("import machine; print(machine.RTC().datetime()[:3])") in (
        b"(2031, 2, 28)\n",
        b"(2031, 3, 1)\n",
    )


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [((1970, 1, 1), 0), ((2000, 2, 29), 951782400), ((2026, 11, 23), 1795392000)],
)
def test_the_calendar(repl: RawRepl, moment: tuple[int, int, int], seconds: int) -> None:
    assert int(repl.exec(f"import machine; print(machine._seconds(*{moment}))")) == seconds


def test_pins_are_those_of_the_list(repl: RawRepl) -> None:
    repl.exec("from machine import Pin, Signal, ADC")
    assert repl.exec("p = Pin('LED', Pin.OUT, value=1); print(p(), p.off(), p())") == b"1 None 0\n"
    assert repl.exec("print(Signal(p, invert=True).value(), ADC('VSENSE').read_u16())") == b"1 0\n"
    with pytest.raises(DeviceError, match="doesn't exist"):
        repl.exec("Pin('NO_SUCH')")


def test_one_image_one_board(board: VirtualBoard) -> None:
    with pytest.raises(ImageError, match="in use"):
        VirtualBoard(board.settings).start()


def test_refuses_an_image_of_another_size(tmp_path: Path) -> None:
    (tmp_path / "x.img").write_bytes(b"short")
    with pytest.raises(ImageError, match="5 bytes"):
        VirtualBoard(VirtualBoardSettings(image=tmp_path / "x.img")).start()


@pytest.mark.parametrize(
    ("name", "value"),
    [("image_bytes", 5000), ("image_bytes", 4096), ("heap", "much"), ("can_port", 0)],
)
def test_refuses_settings(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        VirtualBoardSettings(image=tmp_path / "x", **{name: value})  # type: ignore[arg-type]


def test_the_link_follows_the_board(
    make_board: Callable[..., VirtualBoard], tmp_path: Path
) -> None:
    board = make_board(tty_link=tmp_path / "tty")
    assert str((tmp_path / "tty").readlink()) == board.tty
    board.stop()
    board.stop()
    assert not (tmp_path / "tty").is_symlink()
    assert not board.alive


def test_output_that_nobody_reads_is_lost_and_the_program_goes_on(
    board: VirtualBoard, repl: RawRepl
) -> None:
    put(repl, "main.py", b"for i in range(5000): print('x' * 100)\nimport sys; sys.exit()\n")
    repl.close()
    board.reset()
    wait_for(lambda: board.reset_cause == 5)


def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from boards.virtual import VirtualBoard, VirtualBoardSettings\n"
        "board = VirtualBoard(VirtualBoardSettings(image=Path(sys.argv[1])))\n"
        "board.start(); print(board._child.process.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "x.img")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    wait_for(lambda: b"vstart" in Path(f"/proc/{child}/cmdline").read_bytes())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize("code", ["while True: pass", "import time\nwhile True: time.sleep(9)"])
def test_ctrl_c_interrupts_what_a_tool_started(repl: RawRepl, code: str) -> None:
    for _ in range(3):
        repl.send(code)
        repl.enter()
        assert repl.exec("print('interrupted')") == b"interrupted\n"
