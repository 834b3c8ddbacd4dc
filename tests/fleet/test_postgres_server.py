"""The embedded PostgreSQL: private, on loopback, and clear about what is wrong."""

import importlib.util
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.errors import DatabaseError, DatabaseLostError
from tests.fleet.engines import shared_server
from trifleet import postgres
from trifleet.errors import PostgresError
from trifleet.ports import LOOPBACK, free_port
from trifleet.postgres import PostgresServer


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not in pytest's own: PostgreSQL may run as another account, which may not enter that."""
    with tempfile.TemporaryDirectory(prefix="trifleet-pg-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def test_what_it_keeps_is_its_owners_alone() -> None:
    server = shared_server()
    for path in (server.root, server.data, server.root / "socket", server.passfile):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert sorted(path.name for path in server.root.iterdir()) == [
        "data", "pgpass", "server.log", "socket",
    ]  # fmt: skip


def test_it_listens_on_loopback_with_passwords_alone() -> None:
    server = shared_server()
    assert server.sql("SHOW listen_addresses") == LOOPBACK
    rules = server.sql("SELECT DISTINCT auth_method FROM pg_hba_file_rules").split()
    assert rules == ["scram-sha-256"]
    stored = server.sql(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{postgres.USER}'")
    assert stored.startswith("SCRAM-SHA-256$")


def test_the_password_is_on_no_command_line_and_in_no_url() -> None:
    server = shared_server()
    password = server.passfile.read_text().strip().rpartition(":")[2]
    assert len(password) > 40
    assert password not in server.url()
    assert server.pid is not None
    line = Path(f"/proc/{server.pid}/cmdline").read_bytes()
    environment = Path(f"/proc/{server.pid}/environ").read_bytes()
    assert b"postgres" in line
    assert password.encode() not in line + environment
    assert password not in (server.root / "server.log").read_text()


@pytest.mark.parametrize("passfile", ["wrong", "absent", "readable"])
def test_who_does_not_know_the_password_stays_outside(tmp_path: Path, passfile: str) -> None:
    server = shared_server()
    path = tmp_path / "pgpass"
    if passfile == "wrong":
        path.write_text(f"*:*:*:{postgres.USER}:another\n")
        path.chmod(0o600)
    if passfile == "readable":  # libpq takes no password that others can read
        path.write_text(server.passfile.read_text())
        path.chmod(0o644)
    url = f"postgresql://{postgres.USER}@{LOOPBACK}:{server.port}/fleet?passfile={path}"
    with pytest.raises(DatabaseLostError, match="password"):
        open_database(url)


def test_an_error_of_a_row_stays_out_of_the_servers_log(tmp_path: Path) -> None:
    server = shared_server()
    with pytest.raises(PostgresError):
        server.sql("SELECT 'a rider''s secret'::bigint")
    assert "secret" not in (server.root / "server.log").read_text()


def test_a_server_stops_and_starts_with_what_it_held(folder: Path) -> None:
    server = postgres.initialise(folder / "server", free_port())
    server.start()
    try:
        with closing(open_database(server.url())) as database:
            database.create_schema()
            server.kill()  # as a power cut
            with pytest.raises(DatabaseLostError):
                database.check_schema()
            assert server.pid is None
            server.start()
            database.check_schema()
            assert server.sql("SHOW fsync") == "on"
            assert server.sql("SHOW data_checksums") == "on"
    finally:
        postgres.remove(server)
    assert not server.root.exists()


def test_a_folder_that_holds_something_is_left_alone(folder: Path) -> None:
    (folder / "theirs").write_text("theirs")
    with pytest.raises(PostgresError, match="not a new or empty folder"):
        postgres.initialise(folder, free_port())
    assert [path.name for path in folder.iterdir()] == ["theirs"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another account")
def test_a_folder_that_the_account_may_not_enter_is_named(folder: Path) -> None:
    folder.chmod(0o700)
    with pytest.raises(PostgresError, match="may not enter"):
        postgres.initialise(folder / "server", free_port())
    assert not (folder / "server").exists()


def test_what_is_not_installed_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PostgresError, match=r"pip install -r requirements-scale\.txt"):
        postgres.find_programs()


@pytest.mark.parametrize("name", ["", "two words", "a'b", "-x"])
def test_a_name_of_a_standby_is_a_plain_word(name: str) -> None:
    server = PostgresServer(Path("/nowhere"), 1)
    with pytest.raises(PostgresError, match="no name"):
        server.require_standby(name)
    with pytest.raises(PostgresError, match="no name"):
        postgres.standby(server, Path("/nowhere/else"), 2, name)


def test_a_port_that_is_taken_is_told_with_the_servers_own_words(folder: Path) -> None:
    server = postgres.initialise(folder / "server", free_port())
    server.port = shared_server().port
    with pytest.raises(PostgresError, match="could not bind"):
        server.start()
    assert server.pid is None


def test_without_the_driver_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith("fleet_backend.fleet.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DatabaseError, match=r"pip install -r requirements-scale\.txt"):
        open_database("postgresql://host/fleet")
