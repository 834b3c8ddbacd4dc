"""The command line says what it does and what went wrong, in one line and without a traceback."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from tests.command_line import trifleet
from trifleet.cli import app


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """Every command and group of the program, by its words."""
    yield list(path)
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


COMMANDS = list(commands(get_command(app)))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str]) -> None:
    done = CliRunner().invoke(app, [*command, "--help"])
    assert done.exit_code == 0, done.output
    assert "Usage:" in done.output
    assert len(done.output.split()) > 15


def test_the_program_explains_itself_in_a_process_of_its_own() -> None:
    line = [sys.executable, "-m", "trifleet.cli", "ledger", "--help"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Usage:" in done.stdout, done.stderr
    assert {"ledger", "witness", "privacy", "anchor", "federation"} <= {c[0] for c in COMMANDS[1:]}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["gateway", "--config", "nowhere.toml"], "nowhere.toml"),
        (["gateway", "run", "--config", "nowhere.toml"], "nowhere.toml"),
        (["backend", "ingest", "--config", "nowhere.toml"], "nowhere.toml"),
        (["backend", "issuer", "--config", "nowhere.toml"], "nowhere.toml"),
        (["backend", "api", "--config", "nowhere.toml"], "nowhere.toml"),
        (["backend", "registrar", "--config", "nowhere.toml"], "nowhere.toml"),
        (["gateway", "invite", "gw-1", "--vehicle", "trike-1", "--data", "nowhere"], "nowhere"),
        (["gateway", "invitations", "--data", "nowhere"], "nowhere"),
        (["gateway", "uninvite", "gw-1", "--data", "nowhere"], "nowhere"),
        (["gateway", "revoke", "gw-1", "--data", "nowhere"], "nowhere"),
        (["gateway", "keys", "gw-1", "--data", "nowhere"], "nowhere"),
        (["gateway", "rotate-key", "--config", "nowhere.toml"], "nowhere.toml"),
        (["gateway", "enrol", "ftp://host", "--folder", "nowhere"], "https://host"),
        (["gateway", "enrol", "https://host", "--folder", "nowhere"], "code: length"),
        (["gateway", "renew", "https://host", "--config", "nowhere.toml"], "nowhere.toml"),
        (["board", "virtual", "--config", "nowhere.toml"], "nowhere.toml"),
        (["board", "type", "trike-9", "--data", "nowhere"], "no simulated vehicle trike-9"),
        (["keys", "list", "--data", "nowhere"], "nowhere"),
        (["keys", "operator", "--data", "nowhere"], "trifleet run"),
        (["backup", "copy", "--data", "nowhere"], "nowhere"),
        (["restore", "copy", "--data", "nowhere"], "no back-up"),
        (["privacy", "erase", "--rider", "0" * 64, "--data", "nowhere"], "no data folder"),
        (["privacy", "export", "--rider", "00", "--out", "o", "--data", "nowhere"], "no database"),
        (["privacy", "retain", "--data", "nowhere"], "no data folder"),
        (["run", "--data", "no-folder"], "is not a new or empty folder"),
        (["backup", "no-folder", "--data", "nowhere"], "is not a new or empty folder"),
        (["restore", "nowhere", "--data", "no-folder"], "no back-up"),
        (["federation", "--keep", "no-folder"], "File exists"),
        (["run", "--vehicles", "101", "--data", "nowhere"], "1 to 100"),
        (["run", "--vehicles", "-1", "--data", "nowhere"], "1 to 100"),
    ],
)
def test_a_mistake_gets_one_line(arguments: list[str], told: str, tmp_path: Path) -> None:
    found = [str(tmp_path / word) if word.startswith("no") else word for word in arguments]
    (tmp_path / "no-folder").write_bytes(b"")
    done = trifleet(*found, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("trifleet: ")
    assert told in done.stderr
    assert done.stdout == "" or "stopped" not in done.stdout
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_log_is_not_begun_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"")
    words = ("--origin", "a.example/b", "--key", "log.key")
    done = trifleet("ledger", "init", "log", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "trifleet: creating the log: log: File exists\n"


def test_a_taken_port_is_told_before_anything_is_made(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = trifleet("run", "--port", port, "--data", str(tmp_path / "data"))
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("content", [b"", b"c2sp.org/tlog-proof@v1\n", b"\xff\xfe", b"{}" * 4000])
def test_a_receipt_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "receipt").write_bytes(content)
    (tmp_path / "policy").write_text("quorum none\n")
    done = trifleet(
        "ledger", "verify", str(tmp_path / "receipt"), "--policy", str(tmp_path / "policy")
    )
    assert done.returncode == 1
    assert done.stderr.startswith("trifleet: ")
    assert "Traceback" not in done.stderr
