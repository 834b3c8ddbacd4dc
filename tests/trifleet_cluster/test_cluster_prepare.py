"""What each program of a cluster in containers is given: enough, and nothing that is another's."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import trifleet

from fleet_backend.api.settings import load_settings as load_api
from fleet_backend.ingest.settings import load_ledger_settings
from fleet_backend.ingest.settings import load_settings as load_ingest
from fleet_backend.issuer.settings import load_settings as load_issuer
from trifleet.certificates.authority import load_certificate
from trifleet.certificates.x509_parts import hosts_of
from trifleet.cluster.prepare import Wish, prepare

WISH = Wish(names=("mqtt.fleet.example",))
READERS = {
    "ingest": load_ingest,
    "ledger": load_ledger_settings,
    "issuer": load_issuer,
    "api-1": load_api,
    "api-2": load_api,
}


def quiet(*_: object) -> None:
    pass


def files(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("owner") / "data", WISH, quiet)


def test_each_program_reads_its_settings_and_has_the_files_that_they_name(made: Path) -> None:
    for name, load in READERS.items():
        file = made / name / "program.toml"
        load(file)
        for word in file.read_text().replace("passfile=", '"').split('"'):
            if word.startswith("/run/trifleet/"):
                assert (made / name / word.removeprefix("/run/trifleet/")).is_file(), word


def test_a_key_is_in_one_folder_and_the_authority_in_none(made: Path) -> None:
    held = {name: files(made / name) for name in (*READERS, "broker", "database")}
    owner = files(made.parent / "fleet")
    for key, whose in {
        "ingest/ack.key": {"ingest"},
        "ledger/log.key": {"ledger"},
        "issuer/issuing.key": {"issuer"},
        "issuer/statement.key": {"issuer"},
        "owner/owner.key": set(),
        "authority/authority.key": set(),
    }.items():
        found = {name for name, content in held.items() if owner[key] in content.values()}
        assert found == whose, key
    assert held["api-1"]["mqtt.key"] != held["api-2"]["mqtt.key"]
    password = held["database"]["password"]
    assert password not in b"".join(held["broker"].values())
    assert all(password in content["pgpass"] for name, content in held.items() if name != "broker")
    for path in made.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    names = hosts_of(load_certificate(made / "broker/mqtt.pem"))
    assert {"broker", "mqtt.fleet.example"} <= set(names)


def test_a_repetition_keeps_keys_passwords_and_certificates(made: Path) -> None:
    before = files(made)
    prepare(made.parent, WISH, quiet)
    assert files(made) == before
    options = made.parent / "fleet/store.toml"
    options.write_text('aws_region = "eu-west-1"\n')
    os.chmod(options, 0o600)
    prepare(made.parent, replace(WISH, tiles="s3://bucket/log"), quiet)
    assert load_ledger_settings(made / "ledger/program.toml").ledger.tiles_options == Path(
        "/run/trifleet/store.toml"
    )
    assert (made / "ledger/store.toml").read_bytes() == options.read_bytes()
    options.unlink()
    prepare(made.parent, WISH, quiet)
    assert files(made) == before


def test_the_issuer_is_registered_where_the_database_is_named(tmp_path: Path) -> None:
    done = trifleet("cluster", "prepare", "--data", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data/secrets/ingest/program.toml").exists()
    done = trifleet("cluster", "register", "--data", tmp_path / "data")
    assert done.returncode == 2 and "database.url" in done.stderr
    url = tmp_path / "data/fleet/database.url"
    url.write_text(f"sqlite:///{tmp_path}/fleet.db\n")
    for _ in range(2):
        done = trifleet("cluster", "register", "--data", tmp_path / "data")
        assert done.returncode == 0, done.stderr
    done = trifleet("cluster", "register", "--data", tmp_path / "none")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
