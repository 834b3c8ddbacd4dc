"""Logs of programs that append for ever are bounded, and lose nothing but the oldest."""

import fcntl
import os
import resource
import signal
import sys
import threading
from pathlib import Path

import pytest

from fleet_backend.fleet.trace import Trace
from trifleet.layout import Layout
from trifleet.privacy import erase_files
from trifleet.rotation import KEPT, family, locked, numbered, rotate
from trifleet.supervisor import Program, Supervisor


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "api.log"
    path.write_bytes(b"")
    return path


def test_a_small_one_and_none_stay_as_they_are(log: Path, tmp_path: Path) -> None:
    log.write_bytes(b"x" * 100)
    assert not rotate(log, 100)
    assert not rotate(tmp_path / "nowhere.log", 100)
    assert log.read_bytes() == b"x" * 100 and family(log) == [log]


def test_the_newest_are_kept_and_private(log: Path) -> None:
    for number in range(6):
        log.write_bytes(b"%d" % number * 200)
        assert rotate(log, 100)
        assert log.read_bytes() == b""
    kept = [one.read_bytes()[:1] for one in family(log)[1:]]
    assert kept == [b"5", b"4", b"3"] and len(kept) == KEPT
    assert {one.stat().st_mode & 0o777 for one in family(log)[1:]} == {0o600}
    assert sorted(one.name for one in log.parent.iterdir()) == [
        "api.log", "api.log.1", "api.log.2", "api.log.3"
    ]  # fmt: skip


def test_a_program_that_has_it_open_goes_on_at_the_new_end(log: Path) -> None:
    with log.open("ab", buffering=0) as writer:
        writer.write(b"a" * 200)
        assert rotate(log, 100)
        writer.write(b"b\n")
    assert log.read_bytes() == b"b\n"
    assert numbered(log, 1).read_bytes() == b"a" * 200


def test_nothing_moves_while_somebody_holds_it(log: Path) -> None:
    log.write_bytes(b"x" * 200)
    with locked(log) as held:
        assert held
        assert not rotate(log, 100)
    assert rotate(log, 100)


def test_without_room_for_the_copy_the_log_stays(
    log: Path,
) -> None:
    """A disk that takes no more, by a limit on the size of files that the system enforces."""
    log.write_bytes(b"x" * 100_000)
    kept = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OSError):
            rotate(log, 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, kept)
    assert log.stat().st_size == 100_000
    assert not list(log.parent.glob("*.new"))


def test_the_supervisor_bounds_what_its_programs_say(
    tmp_path: Path,
) -> None:
    code = (
        "import sys, time; sys.stdout.write('x' * 10_100_000); sys.stdout.flush(); time.sleep(60)"
    )
    supervisor = Supervisor()
    path = tmp_path / "loud.log"
    supervisor.start(Program("loud", (sys.executable, "-c", code), path))
    try:
        supervisor.wait_until(lambda: numbered(path, 1).exists(), "the rotated log", 30.0)
        assert path.stat().st_size < 10_000_000
    finally:
        supervisor.stop()


def test_an_erasure_reaches_every_file_of_a_log(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.logs.mkdir()
    grant = os.urandom(16)
    path = layout.logs / "api.log"
    for one in (path, *(numbered(path, n) for n in range(1, KEPT + 1)), layout.logs / "x.log.old"):
        one.write_text(f"keep\ngrant {grant.hex()} went\nkeep\n")
    trace = Trace(os.urandom(32), grant_ids=(grant,))
    assert len(erase_files.lines_of(layout, trace)) == 5
    assert erase_files.blank_logs(layout, trace) == 5
    for one in layout.logs.iterdir():
        lines = one.read_text().splitlines()
        assert lines[0] == lines[2] == "keep" and set(lines[1]) == {"#"}


def test_an_erasure_waits_for_a_rotation_that_is_under_way(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.logs.mkdir()
    grant = os.urandom(16)
    path = layout.logs / "api.log"
    path.write_text(f"grant {grant.hex()}\n")
    trace = Trace(os.urandom(32), grant_ids=(grant,))
    holder = os.open(path, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    done = threading.Event()

    def erase() -> None:
        erase_files.blank_logs(layout, trace)
        done.set()

    thread = threading.Thread(target=erase)
    thread.start()
    assert not done.wait(0.2)
    numbered(path, 1).write_bytes(path.read_bytes())
    os.truncate(path, 0)
    os.close(holder)
    thread.join(20)
    assert done.is_set() and grant.hex() not in numbered(path, 1).read_text()
