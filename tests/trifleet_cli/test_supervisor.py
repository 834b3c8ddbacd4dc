"""Children are restarted with patience, and none outlives its supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trifleet.errors import ChildError
from trifleet.supervisor import Program, Supervisor


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    made = Supervisor()
    yield made
    made.stop()


def python(tmp_path: Path, name: str, code: str) -> Program:
    return Program(name, (sys.executable, "-c", code), tmp_path / f"{name}.log")


def until(condition: Callable[[], bool], tend: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        tend()
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


def test_what_is_killed_comes_back(supervisor: Supervisor, tmp_path: Path) -> None:
    child = supervisor.start(python(tmp_path, "sleeper", "import time; time.sleep(60)"))
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: child.pid not in (None, first), supervisor.tend)
    assert child.restarts == 1


def test_what_keeps_ending_waits_longer_each_time(supervisor: Supervisor, tmp_path: Path) -> None:
    child = supervisor.start(python(tmp_path, "quitter", "print('started', flush=True)"))
    begin = time.monotonic()
    until(lambda: child.restarts >= 3, supervisor.tend, 20)
    # 0.2 + 0.4 + 0.8 s of waiting at least; a loop without patience would need none.
    assert time.monotonic() - begin >= 1.4
    until(lambda: (tmp_path / "quitter.log").read_text().count("started") >= 4, supervisor.tend)


def test_who_ignores_the_request_is_forced(tmp_path: Path) -> None:
    stubborn = Supervisor()
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(60)"
    )
    child = stubborn.start(python(tmp_path, "deaf", code))
    until(lambda: "deaf" in (tmp_path / "deaf.log").read_text(), stubborn.tend)
    assert child.pid is not None
    stubborn.stop()
    assert child.pid is None


def test_grandchildren_end_too(tmp_path: Path) -> None:
    family = Supervisor()
    code = (
        "import subprocess, sys, time;"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    family.start(python(tmp_path, "parent", code))
    log = tmp_path / "parent.log"
    until(lambda: log.read_text().strip().isdigit(), family.tend)
    grandchild = int(log.read_text())
    family.stop()
    until(lambda: not is_alive(grandchild), lambda: None)


def is_alive(pid: int) -> bool:
    """A zombie whose new parent has not yet looked is dead, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from trifleet.supervisor import Program, Supervisor\n"
        "s = Supervisor()\n"
        "sleep = (sys.executable, '-c', 'import time; time.sleep(60)')\n"
        "p = Program('c', sleep, Path(sys.argv[1]))\n"
        "print(s.start(p).pid, flush=True); time.sleep(60)"
    )
    outer = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "c.log")], stdout=subprocess.PIPE, text=True
    )
    assert outer.stdout is not None
    inner = int(outer.stdout.readline())
    assert is_alive(inner)
    outer.kill()
    outer.wait()
    outer.stdout.close()
    until(lambda: not is_alive(inner), lambda: None)


def test_waiting_for_what_never_comes_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(ChildError, match="a vehicle is not ready after 0 s"):
        supervisor.wait_until(lambda: False, "a vehicle", 0.2)
