"""`trifleet doctor` on a whole installation, on a copy damaged in every file, and on none."""

import contextlib
import datetime
import json
import os
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_gateway import key_rotation
from edge_gateway import settings as gateway_settings
from protocol import lock
from tests.command_line import trifleet
from tests.privacy.privacy_stand import PrivacyStand
from trifleet.backups import backup
from trifleet.doctor import certificates, databases, log, machine, programs
from trifleet.doctor.examine import CHECKS, examine
from trifleet.doctor.finding import Finding, exit_status, fail, ok, printable, warn
from trifleet.errors import UsageError
from trifleet.layout import Layout
from trifleet.program_settings import ProgramSettings
from trifleet.slots import Slot

pytestmark = pytest.mark.slow

ILL = "could not be looked at"


def make(folder: Path) -> Layout:
    """An installation with statements in its log and in an outbox, as a stopped stack leaves it."""
    stand = PrivacyStand(folder)
    layout = stand.layout
    for vehicle in ("trike-1", "trike-2"):
        for place in range(3):
            sample = stand.sample(vehicle, (place, place), lock.LOCKED)
            stand.deliver(vehicle, [sample], acknowledge=place < 2)
    stand.close()
    files = ProgramSettings(layout, 1883)
    for write in (files.ingest, files.issuer, files.api):
        write()
    for slot in (Slot(1), Slot(2)):
        (layout.gateway(slot.gateway) / "mqtt.password").touch(mode=0o600)
        files.gateway(slot, 4000)
    backup.make(layout, folder.with_name(folder.name + "-copy"))
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)  # the tests' own umask made them
    return layout


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("doctor") / "data").root


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another installation, with the same names."""
    return make(tmp_path_factory.mktemp("stranger") / "data").root


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    return copy_of(whole, tmp_path / "data")


def copy_of(whole: Path, target: Path) -> Path:
    shutil.copytree(whole, target, symlinks=True)
    return target


def states(found: list[Finding]) -> dict[str, str]:
    """The worst state of each check."""
    order = {"ok": 0, "warn": 1, "fail": 2}
    out: dict[str, str] = {}
    for one in found:
        out[one.check] = max(out.get(one.check, "ok"), one.state, key=order.__getitem__)
    return out


def bytes_of(root: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of every file; what SQLite's readers share is nobody's content."""
    return {
        str(path.relative_to(root)): (path.stat().st_mode, path.read_bytes())
        for path in root.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }


def healthy(found: list[Finding]) -> None:
    for one in found:
        assert ILL not in one.text, one
        assert one.remedy or one.state == "ok", one
        assert "\n" not in one.line() and one.line().isprintable()


def test_a_whole_installation_is_well(data: Path) -> None:
    before = bytes_of(data)
    found = examine(data)
    healthy(found)
    assert [one for one in found if one.state == "fail"] == []
    assert exit_status(found) == 0
    expected = {
        "python", "disk", "folder", "installation", "permissions", "keys", "settings", "database",
        "integrity", "identities", "erasures", "outboxes", "policy", "ledger", "checkpoint",
        "programs", "back-ups",
    }  # fmt: skip
    assert {name for name, state in states(found).items() if state == "ok"} >= expected
    assert bytes_of(data) == before


def test_a_key_that_is_being_changed_is_no_stranger(data: Path) -> None:
    gateway = gateway_settings.load(data / "gateways/gw-1/gateway.toml")
    key_rotation.rotate(gateway)
    found = [one for one in examine(data, FAST) if one.check == "identities"]
    assert [(one.state, one.text) for one in found] == [
        ("warn", "gw-1 has changed its key, and the backend has not said that it knows")
    ]
    with closing(sqlite3.connect(gateway.outbox_file)) as outbox, outbox:
        outbox.execute("DELETE FROM statements")  # as if the backend had taken it
    (told,) = (one for one in examine(data, FAST) if one.check == "identities")
    assert told.state == "fail" and "gateway.key" in told.text


def instead(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Something else under the file's name."""

    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "noise": lambda path: path.write_bytes(bytes((i * 197 + 41) % 256 for i in range(5_000))),
    "deep": lambda path: path.write_bytes(b"[" * 50_000),
    "folder": instead(Path.mkdir),
    "pipe": instead(os.mkfifo),
    "loop": instead(lambda path: path.symlink_to(path)),
}
# Damaged in each of these ways, the installation cannot be called well.
NEEDED = {
    "installation.json", "operator.token", "fleet.db", "owner/owner.key", "issuer/issuing.key",
    "issuer/statement.key", "ingest/ack.key", "ledger/log.key", "ledger/lock.db",
    "ledger/policy.txt", "ledger/public/checkpoint", "gateways/gw-1/gateway.key",
}  # fmt: skip


def own_files(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    )


def damage_each(data: Path, pairs: list[tuple[str, str]]) -> None:
    """(file, damage) one after the other: each is told, and the next one finds all well again."""
    for name, damage in pairs:
        kept, mode = (data / name).read_bytes(), (data / name).stat().st_mode
        DAMAGES[damage](data / name)
        found = examine(data, FAST)
        healthy(found)
        assert exit_status(found) == 1, (name, damage, [one.line() for one in found])
        put_back(data / name, kept, mode)
    assert exit_status(examine(data, FAST)) == 0


def test_damage_in_every_needed_file_is_told(data: Path) -> None:
    """Three kinds of damage a file, each kind in several files; all with all below."""
    kinds = list(DAMAGES)
    turns = [(name, at + more) for at, name in enumerate(sorted(NEEDED)) for more in (0, 3, 5)]
    damage_each(data, [(name, kinds[turn % len(kinds)]) for name, turn in turns])


@pytest.mark.faults
def test_every_damage_in_every_needed_file_is_told(data: Path) -> None:
    damage_each(data, [(name, damage) for name in sorted(NEEDED) for damage in DAMAGES])


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_damage_everywhere_is_told_and_never_a_traceback(damage: str, data: Path) -> None:
    names = own_files(data)
    assert set(names) >= NEEDED
    for name in set(names) - NEEDED:
        DAMAGES[damage](data / name)
    healthy(examine(data, FAST))
    for name in NEEDED:
        DAMAGES[damage](data / name)
    found = examine(data, FAST)
    healthy(found)
    assert exit_status(found) == 1


# Without those that look at the machine or wait for nobody: they have no part in the files.
FAST = tuple(one for one in CHECKS if one.__module__ != machine.__name__)


def put_back(path: Path, content: bytes, mode: int) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(mode & 0o777)


def test_a_file_of_another_installation_is_told(
    whole: Path, stranger: Path, tmp_path: Path
) -> None:
    data = copy_of(whole, tmp_path / "data")
    # The operator's token and the issuing key are believed by nobody in this folder.
    believed = NEEDED - {"operator.token", "issuer/issuing.key"}
    for name in sorted(believed):
        kept, mode = (data / name).read_bytes(), (data / name).stat().st_mode
        (data / name).write_bytes((stranger / name).read_bytes())
        found = examine(data, FAST)
        healthy(found)
        assert exit_status(found) == 1, (name, [one.line() for one in found])
        put_back(data / name, kept, mode)
    for name in set(own_files(whole)) - believed:
        if (stranger / name).is_file():
            (data / name).write_bytes((stranger / name).read_bytes())
    healthy(examine(data, FAST))


@pytest.mark.parametrize("name", ["secret.key", "operator.token", "broker/nats.conf", "x.pem"])
def test_a_secret_that_others_may_read_is_told(data: Path, name: str) -> None:
    path = data / name
    path.parent.mkdir(exist_ok=True, mode=0o700)
    path.write_text("-----BEGIN PRIVATE KEY-----\nnobody shows this\n")
    path.chmod(0o640)
    found = [one for one in examine(data) if one.check == "permissions"]
    assert [one.state for one in found] == ["fail"]
    assert name in found[0].text and f"chmod 600 {name}" in found[0].remedy
    assert "nobody shows this" not in "".join(one.line() for one in examine(data))


def test_an_open_folder_and_an_open_file_are_told(data: Path) -> None:
    (data / "logs").mkdir(exist_ok=True)
    (data / "logs/api.log").write_text("x")
    (data / "logs/api.log").chmod(0o644)
    data.chmod(0o755)
    found = states(examine(data))
    assert (found["folder"], found["permissions"]) == ("fail", "warn")


def test_where_nothing_is_nothing_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("nowhere", "file", "."):
        with pytest.raises(UsageError, match="nothing to look at"):
            examine(tmp_path / name)
        done = trifleet("doctor", "--data", name, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("trifleet: ")


def test_the_command_prints_a_line_a_finding(data: Path) -> None:
    done = trifleet("doctor", "--data", str(data), cwd=data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(line.split()[0] in ("ok", "warn") for line in done.stdout.splitlines())
    (data / "ledger/log.key").unlink()
    done = trifleet("doctor", "--data", str(data), "--json", cwd=data)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"check", "state", "text", "remedy"} == set(lines[0])
    assert [one["check"] for one in lines if one["state"] == "fail"] == ["keys"]


def test_a_check_that_fails_itself_is_a_finding(data: Path) -> None:
    def check_teapot(_: object) -> Iterator[Finding]:
        yield ok("teapot", "full")
        raise ZeroDivisionError("short and\nstout")

    found = examine(data, (check_teapot,))
    assert [one.state for one in found] == ["ok", "fail"]
    assert found[1].text == f"{ILL}: ZeroDivisionError: short and?stout"


@settings(max_examples=30)
@given(st.text(), st.text())
def test_a_finding_is_one_line_whatever_is_in_it(text: str, remedy: str) -> None:
    line = warn("x", text, remedy).line()
    assert line.isprintable() and len(line) <= 400
    assert len(printable(text)) <= 400
    assert json.loads(json.dumps(fail("x", text, remedy).as_json()))["check"] == "x"


@pytest.mark.parametrize(
    ("gateways", "soft", "hard", "state"),
    [(2, 1024, 4096, "ok"), (5_000, 1024, 4096, "fail"), (100_000, -1, -1, "ok")],
)
def test_open_files_against_gateways(gateways: int, soft: int, hard: int, state: str) -> None:
    found = machine.judge_files(gateways, soft, hard)
    assert found.state == state
    if state == "fail":
        assert "ulimit -n 10256" in found.remedy and "hard limit is 4096" in found.remedy


def test_packages_against_the_lock() -> None:
    good = f"pytest=={pytest.__version__} \\"
    assert machine.compare_packages([good, "    --hash=sha256:00", "# no"]).state == "ok"
    assert machine.compare_packages(["pytest==0.0.1 \\"]).state == "warn"
    missing = machine.compare_packages([good, "no-such-package-here==1.0"])
    assert (missing.state, missing.text) == ("fail", "missing: no-such-package-here")
    assert machine.compare_packages(["no-such-package==1 ; os_name == 'nt'"]).state == "ok"


def certificate(days: float) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw-1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=400))
        .not_valid_after(now + datetime.timedelta(days=days))
    )
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(("days", "state"), [(300, "ok"), (20, "warn"), (-1, "fail")])
def test_certificates_are_told_before_they_end(data: Path, days: float, state: str) -> None:
    (data / "certificates").mkdir(mode=0o700)
    path = data / "certificates/gw-1.crt"
    path.write_bytes(certificate(days) + certificate(500))
    path.chmod(0o600)
    assert states(examine(data))["certificates"] == state
    path.write_bytes(certificate(days)[:-60])
    assert states(examine(data))["certificates"] == "fail"


def test_what_gateways_keep_is_told_before_there_is_no_room(data: Path) -> None:
    config = data / "gateways/gw-1/gateway.toml"
    config.write_text(config.read_text() + "[limits]\noutbox_mb = 1\n")
    box = sqlite3.connect(data / "gateways/gw-1/outbox.db")
    with contextlib.closing(box), box:
        box.execute("CREATE TABLE ballast(data BLOB)")
        box.execute("INSERT INTO ballast VALUES (zeroblob(700000))")
    found = [one for one in examine(data) if one.check == "outboxes"]
    assert found[0].state == "warn" and "gw-1" in found[0].text
    with contextlib.closing(sqlite3.connect(data / "gateways/gw-1/outbox.db")) as box, box:
        box.execute("INSERT INTO ballast VALUES (zeroblob(400000))")
    assert states(examine(data))["outboxes"] == "fail"


def test_an_erasure_that_stopped_halfway_is_told(data: Path) -> None:
    with contextlib.closing(sqlite3.connect(data / "fleet.db")) as database, database:
        database.execute(
            "INSERT INTO erasures(rider_hash, state, marks, swept, started)"
            " VALUES (x'01', 'scrubbing', '{}', 0, 1)"
        )
    assert states(examine(data))["erasures"] == "fail"


def test_a_database_that_knows_more_than_was_signed_must_not_be_started(data: Path) -> None:
    with contextlib.closing(sqlite3.connect(data / "fleet.db")) as database, database:
        database.execute("UPDATE statements SET leaf_index = 900 WHERE leaf_index = 1")
    told = [one for one in examine(data) if one.check == "ledger" and one.state == "fail"]
    assert "the database knows 901 entries" in told[0].text
    assert "do not start" in told[0].remedy


def test_another_schema_and_a_torn_page_are_told(data: Path) -> None:
    with contextlib.closing(sqlite3.connect(data / "fleet.db")) as database, database:
        database.execute("UPDATE schema_version SET version = 99")
    assert states(examine(data))["database"] == "fail"
    size = (data / "fleet.db").stat().st_size
    with (data / "fleet.db").open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 8192)
    assert states(examine(data, (databases.check_database,)))["integrity"] == "fail"


def test_a_server_that_is_away_is_told_without_its_password(data: Path) -> None:
    config = data / "config/api.toml"
    url = "postgresql+psycopg://fleet:hunter2@127.0.0.1:1/fleet"
    lines = config.read_text().splitlines()
    lines = [f'database_url = "{url}"' if "database_url" in line else line for line in lines]
    config.write_text("\n".join(lines) + "\n")
    found = examine(data, (databases.check_database,))
    assert [one.state for one in found] == ["fail"]
    assert "hunter2" not in found[0].line() and "server" in found[0].text


def test_back_ups_that_are_old_or_gone_are_told(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "copy"
    (data / "backups.json").write_text(json.dumps([str(place)]))
    assert states(examine(data))["back-ups"] == "warn"
    place.mkdir()
    mark = {"version": 1, "made": 1_700_000_000, "origin": "x", "size": 1, "keys": False}
    (place / "backup.json").write_text(json.dumps(mark))
    found = [one for one in examine(data) if one.check == "back-ups"]
    assert len(found) == 1 and "days old" in found[0].text


def test_a_witness_that_is_away_is_told(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        here = f"http://127.0.0.1:{taken.getsockname()[1]}/w"
        assert log._connects(here)
    assert not log._connects(here)
    assert not log._connects("http://[broken") and not log._connects("http://x:99999/")


def test_the_rest_of_a_killed_stack_is_told(data: Path) -> None:
    value = {"address": "http://127.0.0.1:9", "mqtt_port": 9, "pid": 4_194_303, "pids": {"api": 2}}
    (data / "run.json").write_text(json.dumps(value))
    found = [one for one in examine(data) if one.check == "programs"]
    assert [one.state for one in found] == ["warn"] and "killed" in found[0].remedy


def test_a_port_of_another_program_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert programs._judge_port("api", port, {os.getpid()}).state == "ok"
        assert programs._judge_port("api", port, {1}).state == "fail"
    assert programs._judge_port("api", port, {os.getpid()}).state == "fail"


def test_reasons_of_a_certificate_are_by_days() -> None:
    assert certificates.judge_end("x", 31 * 86_400) is None
    assert log._age(59) == "59 seconds" and log._age(3 * 86_400) == "3 days"
