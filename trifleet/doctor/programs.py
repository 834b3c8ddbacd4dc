"""The programs: alive, listening where they should, and well by their own word."""

import json
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trifleet.doctor.finding import Finding, Findings, fail, ok, warn
from trifleet.doctor.subject import Running, Subject, command_line, read_run_file, read_toml
from trifleet.ports import LOOPBACK

DEFAULT_PORT = 8080
_WAIT_S = 3.0
_LISTEN = "0A"
_MOST_BYTES = 1 << 16


def check_programs(subject: Subject) -> Findings:
    """Each process that run.json names. A stack that does not run is well, too."""
    path = subject.layout.run_file
    if subject.running is None:
        if read_run_file(subject.layout) is not None:
            remedy = "it was killed: start `trifleet run`, which continues from there"
            yield warn("programs", "run.json speaks of a stack that does not run", remedy)
        elif path.exists():
            yield fail("programs", "run.json cannot be read", "delete it while nothing runs")
        else:
            yield ok("programs", "the stack does not run")
        return
    dead = [name for name, pid in subject.running.pids.items() if not _runs(pid)]
    if dead:
        remedy = "look into logs/NAME.log: the supervisor starts what ends, and waits longer"
        yield fail("programs", f"not running: {', '.join(sorted(dead))}", remedy)
    else:
        yield ok("programs", f"{len(subject.running.pids)} run")


def check_ports(subject: Subject) -> Findings:
    """While the stack runs, whether it is the one who listens; else whether the port is free."""
    running = subject.running
    if running is None:
        if _connects(LOOPBACK, DEFAULT_PORT):
            remedy = "`trifleet run --port N` takes another one"
            yield warn("ports", f"port {DEFAULT_PORT} is taken by another program", remedy)
        else:
            yield ok("ports", f"port {DEFAULT_PORT} is free")
        return
    ours = _sessions(running)
    for name, port in (("api", _port_of(running.address)), ("broker", running.mqtt_port)):
        yield _judge_port(name, port, ours)


def check_broker(subject: Subject) -> Findings:
    """Whether it takes a connection where the ingest would go."""
    host, port = _broker_of(subject)
    if subject.running is None and host == LOOPBACK:
        return  # it is the stack's own, and stopped with it
    if port and _connects(host, port):
        yield ok("broker", f"takes connections on {host}:{port}")
    else:
        remedy = "look into logs/broker.log; gateways keep everything meanwhile"
        yield fail("broker", f"no connection to {host}:{port}", remedy)


def check_api(subject: Subject) -> Findings:
    """What /healthz says: the API's own view of database, log and broker."""
    if subject.running is None:
        return
    status, value = _health(subject.running.address)
    if status == 200:
        yield ok("api", f"{subject.running.address} is well")
    elif isinstance(value, dict) and isinstance(value.get("detail"), str):
        yield fail("api", value["detail"], "the checks of these parts say what to do")
    else:
        remedy = "look into logs/api.log"
        yield fail("api", f"no good answer from {subject.running.address}/healthz", remedy)


def _broker_of(subject: Subject) -> tuple[str, int]:
    settings = read_toml(subject.layout.config("ingest"))
    found = settings.get("mqtt", settings.get("amqp"))
    table: dict[str, Any] = found if isinstance(found, dict) else {}
    host, port = table.get("host"), table.get("port")
    fallback = subject.running.mqtt_port if subject.running else 0
    return (
        host if isinstance(host, str) else LOOPBACK,
        port if type(port) is int and 0 < port < 65_536 else fallback,
    )


def _judge_port(name: str, port: int, ours: set[int]) -> Finding:
    holders = _listeners(port)
    if holders is None:
        return fail("ports", f"nobody listens on {port} ({name})", f"look into logs/{name}.log")
    if holders and not holders & ours:
        remedy = "stop that program, or choose another port"
        return fail("ports", f"another program listens on {port} ({name})", remedy)
    return ok("ports", f"{port} is the {name}'s")


def _listeners(port: int) -> set[int] | None:
    """Processes that listen there; None: nobody does. Empty: somebody whom we may not look at."""
    nodes = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == port:
                nodes.add(f"socket:[{fields[9]}]")
    if not nodes:
        return None
    return {pid for pid in _processes() if nodes & _links(pid)}


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _links(pid: int) -> set[str]:
    found = set()
    try:
        for path in Path(f"/proc/{pid}/fd").iterdir():
            found.add(str(path.readlink()))
    except OSError:
        return found
    return found


def _sessions(running: Running) -> set[int]:
    """The stack's programs and what they started: each is the leader of a session of its own."""
    leaders = {pid for pid in running.pids.values() if pid is not None}
    out = set(leaders)
    for pid in _processes():
        try:
            session = os.getsid(pid)
        except OSError:
            continue
        if session in leaders:
            out.add(pid)
    return out


def _runs(pid: int | None) -> bool:
    return pid is not None and pid > 0 and command_line(pid) != ""


def _port_of(address: str) -> int:
    try:
        return urlsplit(address).port or 0
    except ValueError:
        return 0


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_WAIT_S).close()
    except (OSError, OverflowError, UnicodeError):
        return False
    return True


def _health(address: str) -> tuple[int, object]:
    """Status and document of /healthz; 0 where nothing came."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        if urlsplit(address).hostname != LOOPBACK:
            return 0, None  # run.json names loopback, or it is not ours
        try:
            with opener.open(f"{address}/healthz", timeout=_WAIT_S) as answer:
                return answer.status, json.loads(answer.read(_MOST_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return 0, None
