"""The gateway as a service: what systemd is told, and the unit that starts it."""

import configparser
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_stand import VEHICLE, write_gateway

from edge_gateway import main
from edge_gateway.errors import ReplacedKeyError
from edge_gateway.gateway import Gateway
from edge_gateway.notify import Notifier
from edge_gateway.settings import load

FOLDER = Path(__file__).parents[2] / "packaging/systemd"
UNIT = FOLDER / "trifleet-gateway.service"
RENEWAL = FOLDER / "trifleet-gateway-renew.service"
TIMER = FOLDER / "trifleet-gateway-renew.timer"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.bind(str(tmp_path / "notify"))
        found.settimeout(20)
        yield found


def environment(manager: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.getsockname(), **more}


def told(manager: socket.socket) -> list[str]:
    """Everything that was sent so far."""
    manager.setblocking(False)
    out = []
    while True:
        try:
            out.append(manager.recv(4096).decode())
        except BlockingIOError:
            return out


def test_ready_status_and_stopping(manager: socket.socket) -> None:
    notifier = Notifier(environment(manager))
    notifier.ready()
    notifier.turned(0.0, "healthy")
    notifier.turned(1.0, "healthy")
    notifier.turned(2.0, "bus-down\nREADY=1")
    notifier.turned(11.0, "bus-down\nREADY=1")
    notifier.stopping()
    assert told(manager) == [
        "READY=1",
        "STATUS=healthy",
        "STATUS=bus-down READY=1",
        "STOPPING=1",
    ]
    notifier.close()


def test_the_watchdog_is_fed_twice_in_its_time_and_by_turns_alone(manager: socket.socket) -> None:
    notifier = Notifier(environment(manager, WATCHDOG_USEC="10000000"))
    for now_s in (0.0, 1.0, 4.9, 5.0, 6.0, 10.0, 100.0):
        notifier.turned(now_s, "")
    assert told(manager).count("WATCHDOG=1") == 4
    assert told(manager) == []
    notifier.close()


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "-5"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "me"},
    ],
    ids=["none", "zero", "negative", "word", "another", "no number"],
)
def test_nobody_feeds_a_watchdog_that_does_not_watch_us(
    manager: socket.socket, more: dict[str, str]
) -> None:
    notifier = Notifier(environment(manager, **more))
    notifier.turned(0.0, "")
    assert told(manager) == []
    notifier.close()


def test_an_abstract_socket_is_found() -> None:
    name = f"trifleet-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        notifier = Notifier({"NOTIFY_SOCKET": "@" + name})
        notifier.ready()
        assert told(manager) == ["READY=1"]
        notifier.close()


@pytest.mark.parametrize(
    "address", ["", "/nowhere/notify", "vsock:2:1", "@nobody", "/" + "x" * 200]
)
def test_without_systemd_nothing_is_said_and_nothing_fails(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
    notifier.ready()
    notifier.turned(0.0, "healthy")
    notifier.stopping()
    notifier.close()


def test_a_manager_that_does_not_read_holds_nothing_up(manager: socket.socket) -> None:
    notifier = Notifier(environment(manager, WATCHDOG_USEC="2"))
    for now_s in range(5_000):
        notifier.turned(float(now_s), str(now_s))
    assert "WATCHDOG=1" in told(manager)
    notifier.close()


def test_a_gateway_that_runs_tells_and_one_that_hangs_is_silent(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_gateway(tmp_path / "gw", 1, 1, Ed25519_PUBLIC)[0]
    (tmp_path / "gw" / "mqtt.password").write_text("x")
    for name, value in environment(manager, WATCHDOG_USEC="100000").items():
        monkeypatch.setenv(name, value)
    hangs, released = threading.Event(), threading.Event()
    tick = Gateway.tick

    def sometimes(self: Gateway) -> None:
        tick(self)
        if hangs.is_set():
            released.wait(20)

    monkeypatch.setattr(Gateway, "tick", sometimes)
    stop = threading.Event()
    thread = threading.Thread(target=main.run, args=(load(config), stop))
    thread.start()
    seen = [manager.recv(4096).decode()]
    while seen.count("WATCHDOG=1") < 3:
        seen.append(manager.recv(4096).decode())
    assert seen[0] == "READY=1"
    assert any(one.startswith("STATUS=bus-down " + VEHICLE) for one in seen)
    hangs.set()
    time.sleep(0.6)  # a turn takes half a second at most
    told(manager)
    time.sleep(0.5)
    assert told(manager) == []
    hangs.clear()
    released.set()
    stop.set()
    thread.join(20)
    assert told(manager)[-1] == "STOPPING=1"


Ed25519_PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def unit(path: Path = UNIT) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return parser


def test_the_unit_is_watched_and_shut_in() -> None:
    service = unit()["Service"]
    assert service["Type"] == "notify" and service["NotifyAccess"] == "main"
    assert service["ExecStart"].endswith("gateway run --config /etc/trifleet/gateway.toml")
    assert service["WatchdogSec"] and service["MemoryMax"] and service["StateDirectory"]
    assert service["User"] not in ("", "root")
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert service["ProtectSystem"] == "strict" and service["NoNewPrivileges"] == "yes"
    assert service["DevicePolicy"] == "closed" and "AF_CAN" in service["RestrictAddressFamilies"]


def test_the_renewal_is_daily_and_shut_in_like_the_gateway() -> None:
    service, main_unit = unit(RENEWAL)["Service"], unit()["Service"]
    assert service["Type"] == "oneshot" and "gateway renew" in service["ExecStart"]
    assert service["ReadWritePaths"] == "/etc/trifleet /var/lib/trifleet-gateway"
    needs = {"SystemCallFilter", "RestrictAddressFamilies"}  # another number of each
    shared = {name for name in main_unit if name.startswith(("Protect", "Restrict", "Private"))}
    for name in (shared | {"NoNewPrivileges", "CapabilityBoundingSet", "User", "UMask"}) - needs:
        if not name.startswith("RestartPrevent"):
            assert service[name] == main_unit[name], name
    assert "AF_CAN" not in service["RestrictAddressFamilies"]
    assert unit(TIMER)["Timer"]["OnCalendar"] == "daily"
    assert unit(TIMER)["Timer"]["Persistent"] == "yes"
    assert main_unit["RestartPreventExitStatus"] == str(ReplacedKeyError.exit_status)


@pytest.mark.parametrize("path", [UNIT, RENEWAL], ids=lambda path: path.stem)
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_the_unit_and_finds_little_exposed(tmp_path: Path, path: Path) -> None:
    file = tmp_path / path.name
    text = path.read_text().replace("/opt/trifleet/.venv/bin/trifleet", "/bin/true")
    file.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(file)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stdout[-300:]
