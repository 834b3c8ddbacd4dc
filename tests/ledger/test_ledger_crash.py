"""Kills of a real writer: nothing acknowledged is lost, nothing is there twice, one history."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from ledger_tools import Child, check_and_go_on, new_log, open_log

from fleet_backend.ledger.errors import LockLostError


def state_of(process: subprocess.Popen[str]) -> str:
    """State letter of a process, from the kernel."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def freeze(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 30
    while state_of(process) != "T":
        assert time.monotonic() < deadline, "the process does not stop"
        time.sleep(0.001)


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
