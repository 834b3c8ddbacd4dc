"""The disk of a witness fails: nothing is signed, and the program ends to be started anew."""

import shutil
import subprocess
from pathlib import Path

import pytest
from witness_server import WAIT_S, Server, made
from witness_tools import HONEST


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(
    "fault",
    ["pwrite64:error=ENOSPC", pytest.param("fdatasync:error=EIO", marks=pytest.mark.faults)],
)
def test_a_disk_that_fails_ends_the_program_and_a_new_start_goes_on(tmp_path: Path, fault):
    made(tmp_path / "w")
    with Server(tmp_path / "w") as server:
        assert server.add(HONEST.body(0, 7))[0] == 200
        tracer = subprocess.Popen(
            ["strace", "-f", "-p", str(server.process.pid), "-o", "/dev/null",
             "-e", f"inject={fault}:when=1+"],
            stderr=subprocess.PIPE,
        )  # fmt: skip
        assert tracer.stderr is not None
        if b"attached" not in (line := tracer.stderr.readline()):
            tracer.kill()
            pytest.skip(f"strace may not attach here: {line!r}")
        status, _, words = server.add(HONEST.body(7, 12))
        assert (status, words) == (503, b"the witness cannot go on\n")
        _, told = server.process.communicate(timeout=WAIT_S)
        tracer.communicate()
        assert server.process.returncode == 1
        assert "start the witness again" in told
    with Server(tmp_path / "w") as server:
        size = server.remembered()
        assert server.add(HONEST.body(size, 14))[0] == 200
