"""A gateway comes into a running stack with a code, and its statement is acknowledged."""

import contextlib
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from running import RunningStack

from edge_gateway import main, settings

WAIT_S = 60.0


def trifleet(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trifleet.cli", "gateway", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "gw-9"


def test_from_a_code_to_an_acknowledged_statement(stack: RunningStack, folder: Path) -> None:
    data = ("--data", str(stack.layout.root))
    invited = trifleet("invite", "gw-9", "--vehicle", "trike-9", *data)
    assert invited.returncode == 0, invited.stderr
    code = invited.stdout.strip()
    asked = ("enrol", stack.address, "--folder", str(folder), "--channel", "socket://127.0.0.1:9")
    slip = trifleet(*asked, typed=code[:-1] + ("0" if code[-1] != "0" else "1") + "\n")
    assert slip.returncode == 1 and "check" in slip.stderr
    enrolled = trifleet(*asked, typed=code + "\n")
    assert enrolled.returncode == 0, enrolled.stderr
    assert acknowledged(folder)
    assert not is_shut_out(folder)
    for path in stack.layout.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert code.encode() not in path.read_bytes(), path
    listed = trifleet("invitations", "--json", *data)
    assert '"state": "used"' in listed.stdout and code not in listed.stdout
    again = trifleet("invite", "gw-9", "--vehicle", "trike-9", *data)
    assert again.returncode == 1 and "in the fleet already" in again.stderr
    settled = trifleet("renew", stack.address, "--config", str(folder / "gateway.toml"))
    assert "more than 30 days" in settled.stdout, settled.stderr
    assert trifleet("revoke", "gw-9", *data).returncode == 0
    stack.wait_for(lambda: is_shut_out(folder), "the broker to know of it", WAIT_S)


def is_shut_out(folder: Path) -> bool:
    """The broker does not answer a good CONNECT with this certificate."""
    mqtt = settings.load(folder / "gateway.toml").mqtt
    assert mqtt.tls is not None
    client_id = mqtt.tls.client_id("gw-9").encode()
    body = b"\0\4MQTT\4\2\0\x3c" + len(client_id).to_bytes(2, "big") + client_id
    try:
        with (
            socket.create_connection((mqtt.host, mqtt.port), timeout=10) as plain,
            mqtt.tls.context().wrap_socket(plain, server_hostname=mqtt.host) as line,
        ):
            line.sendall(b"\x10" + bytes([len(body)]) + body)
            return line.recv(4) != b"\x20\2\0\0"
    except OSError:
        return True


def acknowledged(folder: Path) -> bool:
    """Run the gateway without its bus until nothing of what it said waits."""
    loaded = settings.load(folder / "gateway.toml")
    stop = threading.Event()
    gateway = threading.Thread(target=main.run, args=(loaded, stop))
    gateway.start()
    try:
        return eventually_empty(folder / "outbox.db")
    finally:
        stop.set()
        gateway.join(20)


def eventually_empty(outbox: Path) -> bool:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if outbox.exists() and is_empty(outbox):
            return True
        time.sleep(0.2)
    return False


def is_empty(outbox: Path) -> bool:
    """Something was said, and nothing of it waits."""
    with contextlib.closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'chain'").fetchone():
            return False
        said = db.execute("SELECT next_seq FROM chain").fetchone()
        waiting = db.execute("SELECT count(*) FROM statements").fetchone()
    return said is not None and said[0] > 0 and waiting == (0,)
