"""Real kills of a real writer: nothing acknowledged is lost, nothing is there twice, one history.

`make faults` runs every position of the strace matrix; the normal run a few of them by a seed that
is printed.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from ledger_tools import Child, check_log, entries_of, new_log, open_log

from fleet_backend.ledger.errors import LockLostError

SYSCALLS = ("fsync", "fdatasync", "link", "linkat", "rename", "renameat", "unlink", "ftruncate",
            "pwrite64", "mkdir")  # fmt: skip
GROWTH = "1,1,1"
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@pytest.fixture
def seed() -> int:
    value = int(os.environ.get("LEDGER_SEED", random.randrange(1 << 32)))
    print(f"LEDGER_SEED={value}")
    return value


def state_of(process: subprocess.Popen[str]) -> str:
    """State letter of a process, from the kernel."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def freeze(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 30
    while state_of(process) != "T":
        assert time.monotonic() < deadline, "the process does not stop"
        time.sleep(0.001)


def check_and_go_on(directory: Path, acknowledged: dict[int, bytes], mark: str) -> int:
    """Restart twice, check, let different entries follow, check again. Returns the size found."""
    open_log(directory).close()
    with open_log(directory) as writer:
        size = writer.size
        found = check_log(directory, acknowledged)
        assert len(found) == size
        assert writer.append([mark.encode(), mark.encode() + b" again"]) == size
    check_log(directory, {**acknowledged, size: mark.encode()})
    return size


def test_kill_at_random_moments(tmp_path, seed):
    check_kills(tmp_path, seed, rounds=4)


@pytest.mark.faults
def test_kill_at_random_moments_for_long(tmp_path, seed):
    check_kills(tmp_path, seed, rounds=150)


def check_kills(directory: Path, seed: int, rounds: int) -> None:
    choose = random.Random(seed)
    new_log(directory).close()
    acknowledged: dict[int, bytes] = {}
    for number in range(rounds):
        with Child(str(directory), f"{seed}-{number}", "grow") as child:
            assert child.read().startswith("open ")
            child.read_acks(choose.randint(0, 800))
            time.sleep(choose.random() * 0.02)  # the moment is the point, not a wait
            child.process.kill()
            status, errors = child.finish()
        assert (status, errors) == (-signal.SIGKILL, "")
        acknowledged |= child.acknowledged
        check_and_go_on(directory, acknowledged, f"between {number}")


@pytest.fixture(scope="module")
def grown(tmp_path_factory) -> Path:
    """A log of 254 entries, to be copied."""
    directory = tmp_path_factory.mktemp("grown") / "log"
    new_log(directory, entries_of(254)).close()
    return directory


def grow_under_strace(
    directory: Path, *options: str, output: str = "/dev/null"
) -> tuple[Child, int, str]:
    prefix = ["strace", "-f", "-qq", "-o", output, *options]
    with Child(str(directory), "strace", GROWTH, prefix=prefix) as child:
        status, errors = child.finish()
    return child, status, errors


def positions(grown: Path, tmp_path: Path) -> list[tuple[str, int]]:
    """Every call of the growth that can fail, counted in one run without a fault."""
    directory = shutil.copytree(grown, tmp_path / "counted")
    trace = tmp_path / "trace"
    option = "trace=" + ",".join(SYSCALLS)
    child, status, _ = grow_under_strace(directory, "-e", option, output=str(trace))
    assert status == 0
    assert len(child.acknowledged) == 3
    names = re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.MULTILINE)
    counts = Counter(names)
    assert counts["fsync"] >= 30
    assert counts["rename"] >= 3
    assert counts["link"] + counts["linkat"] >= 6
    return [(name, at) for name in sorted(counts) for at in range(1, counts[name] + 1)]


def check_fault(grown: Path, directory: Path, fault: str, call: str, at: int) -> None:
    """One fault at one call; afterwards the log is whole whatever it was."""
    shutil.copytree(grown, directory)
    option = f"inject={call}:{fault}:when={at}"
    child, status, errors = grow_under_strace(directory, "-e", "trace=" + call, "-e", option)
    where = f"{option}: status {status}, {errors}"
    # A named error, or (an unlink of the house-keeping) no matter at all.
    killed = (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert status in (killed if "KILL" in fault else (3, 0)), where
    assert "Traceback" not in errors, where
    acknowledged = {**dict(enumerate(entries_of(254))), **child.acknowledged}
    size = check_and_go_on(directory, acknowledged, option)
    assert 254 + len(child.acknowledged) <= size <= 257, where
    shutil.rmtree(directory)


FAULTS = ("signal=KILL", "error=EIO")


@needs_strace
def test_a_fault_at_some_calls(grown, tmp_path, seed):
    everything = [(fault, *where) for where in positions(grown, tmp_path) for fault in FAULTS]
    for fault, call, at in random.Random(seed).sample(everything, 8):
        check_fault(grown, tmp_path / "log", fault, call, at)


@needs_strace
@pytest.mark.faults
@pytest.mark.parametrize("fault", [*FAULTS, "error=ENOSPC"])
def test_a_fault_at_every_call(grown, tmp_path, fault):
    for call, at in positions(grown, tmp_path):
        check_fault(grown, tmp_path / "log", fault, call, at)


def test_two_processes_the_second_is_refused(tmp_path):
    new_log(tmp_path).close()
    with Child(str(tmp_path), "first", "obey") as first:
        assert first.read() == "open 0"
        with Child(str(tmp_path), "second", "1") as second:
            status, errors = second.finish()
        assert (status, second.acknowledged) == (3, {})
        assert errors.startswith("LockLostError: another writer")
        first.tell("2")
        first.read_acks(2)
        first.process.kill()
        first.finish()
    check_and_go_on(tmp_path, first.acknowledged, "after")


def test_a_stopped_writer_keeps_its_log(tmp_path):
    """SIGSTOP the first, start another, continue the first: the other one is refused."""
    new_log(tmp_path).close()
    with Child(str(tmp_path), "first", "grow") as first:
        first.read_acks(300)
        freeze(first.process)
        with pytest.raises(LockLostError, match="another writer"):
            open_log(tmp_path)
        first.process.send_signal(signal.SIGCONT)
        first.read_acks(300)
        first.process.kill()
        first.finish()
    check_and_go_on(tmp_path, first.acknowledged, "after")


def test_where_locks_do_nothing_the_writer_that_was_overtaken_stops(tmp_path):
    """The same on a file system that grants every lock: the lock database decides."""
    new_log(tmp_path).close()
    with Child(str(tmp_path), "first", "obey", "no-flock") as first:
        first.tell("3")
        first.read_acks(3)
        freeze(first.process)
        with Child(str(tmp_path), "second", "5", "no-flock") as second:
            assert second.finish() == (0, "")
        first.process.send_signal(signal.SIGCONT)
        first.tell("4")
        status, errors = first.finish()
    assert (status, errors) == (3, "LockLostError: another writer took the log over\n")
    assert len(first.acknowledged) == 3
    size = check_and_go_on(tmp_path, {**first.acknowledged, **second.acknowledged}, "after")
    assert size == 8


def test_where_locks_do_nothing_a_writer_is_overtaken_at_a_random_moment(tmp_path, seed):
    choose = random.Random(seed)
    new_log(tmp_path).close()
    acknowledged: dict[int, bytes] = {}
    for number in range(2):
        with Child(str(tmp_path), f"first-{number}", "grow", "no-flock") as first:
            first.read_acks(choose.randint(1, 400))
            time.sleep(choose.random() * 0.01)  # the moment is the point, not a wait
            freeze(first.process)
            with Child(str(tmp_path), f"second-{number}", "5,5", "no-flock") as second:
                status, errors = second.finish()
            first.process.send_signal(signal.SIGCONT)
            if status == 0:
                first_status, first_errors = first.finish()
                assert (first_status, first_errors[:14]) == (3, "LockLostError:")
            else:
                # The first was in the middle of a batch, which it could finish in peace.
                assert (status, errors[:14]) == (3, "LockLostError:")
                first.process.kill()
                first.finish()
        acknowledged |= first.acknowledged
        acknowledged |= second.acknowledged
        check_and_go_on(tmp_path, acknowledged, f"after {number}")
