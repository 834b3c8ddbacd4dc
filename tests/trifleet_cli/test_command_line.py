"""What runs the commands of other tests does what a process of their own would, and never mixes
the answers of two of them up."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import command_line
from tests.command_line import trifleet


def started() -> "subprocess.CompletedProcess[str]":
    return trifleet("ledger", "--help")


@pytest.mark.parametrize(
    "words",
    [
        ["ledger", "fsck", "log", "--vkey", "none"],
        ["ledger", "verify", "receipt", "--policy", "policy"],
        ["keys", "list", "--data", "nowhere"],
    ],
    ids=" ".join,
)
def test_it_ends_as_a_process_of_its_own(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "policy").write_text("nonsense")
    (tmp_path / "receipt").write_text("nonsense")
    environment = {**os.environ, "PYTHONPATH": str(command_line.ROOT), "COLUMNS": "200"}
    real = subprocess.run(
        [sys.executable, "-m", "trifleet.cli", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    done = trifleet(*words, cwd=tmp_path, env=environment)
    assert real.returncode != 0 and real.stderr
    assert (done.returncode, done.stdout) == (real.returncode, real.stdout)
    assert done.stderr == real.stderr


def test_each_command_has_its_own_environment() -> None:
    for columns in (60, 100):
        done = trifleet("ledger", "--help", env={"COLUMNS": str(columns)})
        assert max(map(len, done.stdout.splitlines())) == columns


def test_a_folder_that_is_not_there_is_no_exit_status(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        trifleet("ledger", "--help", cwd=tmp_path / "none")


def test_a_command_that_hangs_is_killed_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert started().returncode == 0
    for name in ("receipt", "policy"):
        os.mkfifo(tmp_path / name)
    with monkeypatch.context() as patch, pytest.raises(subprocess.TimeoutExpired):
        patch.setattr(command_line, "TIMEOUT_S", 1.0)
        trifleet("ledger", "verify", "receipt", "--policy", "policy", cwd=tmp_path)
    assert "Usage" in started().stdout


def test_an_answer_that_nobody_waited_for_is_not_that_of_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert started().returncode == 0

    def interrupted(server: socket.socket) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(command_line, "_number", interrupted)
        trifleet("no-such-command")
    assert started().returncode == 0


def test_after_the_end_of_the_server_there_is_another_one() -> None:
    assert started().returncode == 0
    command_line._server().shutdown(socket.SHUT_RDWR)
    with pytest.raises(OSError, match="pipe"):
        started()
    assert started().returncode == 0


def test_control_c_is_for_the_command_alone() -> None:
    """The terminal sends it to all: the server says nothing of it, the command ends as ever."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        line = [sys.executable, command_line.__file__, str(there.fileno())]
        server = subprocess.Popen(line, pass_fds=[there.fileno()], stderr=subprocess.PIPE)
        there.close()
        with open(os.devnull, "wb") as nothing:
            request = b'{"arguments": ["--help"], "cwd": "/", "env": {}}'
            socket.send_fds(here, [request], [nothing.fileno(), nothing.fileno()])
            assert int(here.recv(99)) > 0 and int(here.recv(99)) == 0
        server.send_signal(signal.SIGINT)
    assert server.communicate() == (None, b"") and server.returncode == 0
