"""`trifleet certificates` on a data folder: what it prints, writes and refuses."""

import stat
from collections.abc import Iterable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner, Result

from trifleet.brokers.common import BrokerError, Role, User
from trifleet.brokers.embedded import BrokerSettings, EmbeddedBroker
from trifleet.certificates import rotation
from trifleet.certificates.authority import load_certificate
from trifleet.certificates.errors import CertificateError
from trifleet.certificates.x509_parts import common_name
from trifleet.commands.certificates import app
from trifleet.errors import InstallationError
from trifleet.installation import claim
from trifleet.layout import Layout
from trifleet.transport import Transport


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    claim(Layout(folder))
    Transport(Layout(folder), ["gw-1"]).ensure_certificates()
    return folder


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--data", str(data)])


def rows(data: Path) -> list[tuple[str, str]]:
    found = [line.split() for line in run(data, "list").output.splitlines()]
    return [(row[0], row[3]) for row in found]


def test_it_lists_what_the_stack_made(data: Path) -> None:
    names = ["broker", "ingest", "api", "gw-1"]
    assert rows(data) == [(name, "good") for name in names]
    assert run(data, "list", "--json").output.count('"state": "good"') == 4


def test_what_is_revoked_stays_revoked_until_it_is_issued_anew(data: Path) -> None:
    assert "gw-1: revoked" in run(data, "revoke", "gw-1").output
    assert rows(data)[-1] == ("gw-1", "revoked")
    assert isinstance(run(data, "revoke", "gw-1").exception, CertificateError)
    assert isinstance(run(data, "renew", "gw-1").exception, CertificateError)
    assert Transport(Layout(data), ["gw-1"]).ensure_certificates() == []
    assert run(data, "issue", "gw-1").exit_code == 0
    assert rows(data)[-2:] == [("gw-1", "revoked"), ("gw-1", "good")]
    assert run(data, "renew", "gw-1").exit_code == 0
    assert [row for row in rows(data) if row == ("gw-1", "good")] == [("gw-1", "good")] * 2


def test_files_for_elsewhere_are_private(data: Path, tmp_path: Path) -> None:
    assert run(data, "issue", "gw-9", "--into", str(tmp_path / "usb")).exit_code == 0
    made = {path.name for path in (tmp_path / "usb").iterdir()}
    assert made == {"mqtt.key", "mqtt.pem", "authority.pem"}
    assert stat.S_IMODE((tmp_path / "usb/mqtt.key").stat().st_mode) == 0o600
    assert "gw-9" in {user.name for user in Transport(Layout(data), []).users()}


def test_workers_of_the_ingest_are_no_gateways(data: Path) -> None:
    for name in ("ingest-2", "ingest-17"):
        assert run(data, "issue", name).exit_code == 0
    roles = {user.name: user.role for user in Transport(Layout(data), []).users()}
    # Beyond the workers that a stack has, a name is a gateway's as any other.
    assert (roles["ingest-2"], roles["ingest-17"]) == (Role.INGEST, Role.GATEWAY)
    assert Transport(Layout(data), ["gw-1"], workers=2).ensure_certificates() == []


def test_a_request_is_answered_without_its_key(data: Path, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(common_name("gw-8"))
    (tmp_path / "csr").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    words = ("--request", str(tmp_path / "csr"), "--into", str(tmp_path / "out"))
    assert run(data, "issue", "gw-8", *words).exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"mqtt.pem", "authority.pem"}
    assert isinstance(run(data, "issue", "gw-7", *words).exception, CertificateError)


def test_a_name_or_a_folder_that_is_none_is_refused(data: Path, tmp_path: Path) -> None:
    for command in ("issue", "renew", "revoke"):
        for name in ("gw/1", "GW", "gw 1", "+"):
            assert isinstance(run(data, command, name).exception, CertificateError)
    assert isinstance(run(tmp_path / "nothing", "list").exception, InstallationError)
    assert not (tmp_path / "nothing").exists()


def test_passwords_of_before_go(data: Path) -> None:
    layout = Layout(data)
    layout.broker.mkdir()
    old = [layout.broker / "ingest.password", layout.gateway("gw-1") / "mqtt.password"]
    for path in old:
        path.write_text("word")
    Transport(layout, ["gw-1"]).ensure_certificates()
    assert not any(path.exists() for path in old)


def test_a_running_stack_s_broker_is_told_until_it_has_heard(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that cannot be told now is told again, and ends nothing."""
    monkeypatch.setattr("trifleet.transport._AGAIN_S", 0.0)
    transport = Transport(Layout(data), ["gw-1"])
    broker = DeafBroker(BrokerSettings(Layout(data).broker), [])
    transport.tend(broker)
    assert broker.told == []
    run(data, "revoke", "gw-1")
    for _ in range(4):
        transport.tend(broker)
    assert broker.told == [{"ingest", "api"}] * 2  # once in vain, once for good
    good = Layout(data).authority / "register.json"
    content = good.read_bytes()
    good.write_text("spoilt")
    transport.tend(broker)
    good.write_bytes(content)
    transport.tend(broker)
    assert broker.told == [{"ingest", "api"}] * 3


def test_a_running_stack_follows_a_change_of_the_authority(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody's files, the lists, and a restart of the broker, once for each step."""
    monkeypatch.setattr("trifleet.transport._AGAIN_S", 0.0)
    transport = Transport(Layout(data), ["gw-1"])
    transport.ensure_certificates()
    broker = DeafBroker(BrokerSettings(Layout(data).broker), [])
    restarts: list[None] = []
    monkeypatch.setattr(broker.child, "restart_elsewhere", lambda: restarts.append(None))
    authority, own = transport.authority, Layout(data).gateway("gw-1")
    steps = (
        (rotation.begin, 2),
        (lambda found: rotation.switch(found, lambda name: True), 2),
        (rotation.finish, 1),
    )
    for number, (step, trusted) in enumerate(steps, 1):
        step(authority)
        for _ in range(4):
            transport.tend(broker)
        assert len(restarts) == number
        assert (own / "authority.pem").read_text().count("BEGIN CERTIFICATE") == trusted
        lists = (Layout(data).tls("broker") / "revoked.pem").read_text()
        assert lists.count("BEGIN X509 CRL") == trusted
    made = load_certificate(own / "mqtt.pem")
    made.verify_directly_issued_by(load_certificate(authority.certificate_file))


class DeafBroker(EmbeddedBroker):
    """Does not hear the first time."""

    def __init__(self, settings: BrokerSettings, users: Iterable[User]) -> None:
        super().__init__(settings, users)
        self.told: list[set[str]] = []

    def set_users(self, users: Iterable[User]) -> None:
        self.told.append({user.name for user in users})
        if len(self.told) == 1:
            raise BrokerError("it is starting")
