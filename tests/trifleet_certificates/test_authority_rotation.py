"""The authority's root is changed under everybody in three steps, none of which locks one out."""

import contextlib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from edge_gateway import enrol_files, trust
from edge_gateway import settings as gateway_settings
from edge_gateway.enrol import Plan, enrol
from edge_gateway.errors import EnrolError
from edge_gateway.renewal import Own, renew
from fleet_backend.fleet.enrolments import ANSWERED
from fleet_backend.fleet.keys import load_ed25519
from fleet_backend.registrar.worker import Offer
from protocol import renewal
from tests.registrar.registrar_stand import NOW, OFFER, Stand
from trifleet.certificates import files, roots, rotation
from trifleet.certificates.authority import Authority, create, load_certificate
from trifleet.certificates.errors import CertificateError
from trifleet.certificates.files import Party, broker_party
from trifleet.commands.certificates import app
from trifleet.installation import claim
from trifleet.layout import Layout, write_private

DAY_S = 86_400


class Remote:
    """A gateway that was enrolled, and reaches its registrar by a carrier without a network."""

    def __init__(self, folder: Path) -> None:
        (folder / "backend").mkdir()
        self.stand = Stand(folder / "backend", Offer(bytes([7] * 32), OFFER.broker, ()))
        self.authority = self.stand.authority
        code = self.stand.invitations.invite("gw-9", ["trike-9"], 24, NOW)
        enrol(Plan(folder / "gw", (("socketcan", "can0"),), 5.0), code, self)
        found = gateway_settings.load(folder / "gw/gateway.toml")
        assert found.mqtt.tls is not None
        self.own = Own("gw-9", load_ed25519(found.key_file), found.mqtt.tls)
        self.server = broker_party(folder / "broker")
        self.serve()

    def exchange(self, sealed: bytes) -> tuple[bytes | None, float]:
        found = self.stand.ask(sealed)
        if found.state != ANSWERED or found.answer is None:
            raise EnrolError(f"refused: {found.reason}")
        return self.changed(found.answer), 0.0

    def changed(self, answer: bytes) -> bytes:
        return answer

    def serve(self) -> None:
        """The broker starts with the files of now."""
        files.ensure(self.authority, self.server, lambda: float(NOW))

    def renew(self) -> bool:
        self.stand.now += 1
        return renew(self.own, self, 5.0, lambda: float(self.stand.now))

    def switch(self, *, force: bool = False) -> None:
        rotation.switch(self.authority, lambda name: False, force=force)
        self.serve()

    @property
    def trusted(self) -> int:
        return len(trust.load(self.own.tls.ca_file))

    def connects(self) -> bool:
        """Does a handshake with a broker of these files succeed, both sides checking?"""
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(self.server.certificate_file, self.server.private_key_file)
        server.load_verify_locations(self.server.ca_file)
        server.load_verify_locations(self.authority.revoked_file)
        server.verify_mode = ssl.CERT_REQUIRED
        server.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        return shakes_hands(server, self.own.tls.context())


def shakes_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> bool:
    """In memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(to_server, to_client, server_side=True),
        ssl.SSLContext.wrap_bio(client, to_client, to_server, server_hostname="127.0.0.1"),
    ]
    try:
        for _ in range(10):
            for end in ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
    except ssl.SSLError:
        return False
    return ends[0].getpeercert() is not None


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Remote]:
    made = Remote(tmp_path)
    yield made
    made.stand.database.close()


def test_a_remote_gateway_goes_through_all_steps_by_its_daily_timer(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert remote.connects() and not remote.renew()
    rotation.begin(remote.authority)
    remote.serve()
    assert remote.connects()
    with pytest.raises(CertificateError, match="not known yet to gw-9"):
        remote.switch()
    monkeypatch.setattr(enrol_files, "write_private", lambda path, content: None)
    remote.renew()  # it was told, and could not write it down
    monkeypatch.undo()
    with pytest.raises(CertificateError, match="gw-9"):
        remote.switch()
    assert not remote.renew() and remote.trusted == 2
    remote.switch()
    assert remote.connects()  # the broker shows one of the new root, the gateway of the old
    with pytest.raises(CertificateError, match="in use by gw-9"):
        rotation.finish(remote.authority)
    old = remote.own.tls.certificate_file.read_bytes()
    assert remote.renew() and remote.connects() and remote.trusted == 2
    rotation.finish(remote.authority)
    remote.serve()
    assert remote.connects() and not remote.renew() and remote.trusted == 1
    assert not (remote.authority.folder / "authority.key").exists()
    remote.own.tls.certificate_file.write_bytes(old)
    assert not remote.connects()
    rotation.begin(remote.authority)  # and again
    assert max(remote.authority.roots.trusted) == 3


def test_who_was_away_all_the_time_comes_back_by_the_link(remote: Remote) -> None:
    rotation.begin(remote.authority)
    remote.switch(force=True)
    rotation.finish(remote.authority, force=True)
    remote.serve()
    assert not remote.connects()
    assert "gw-9" not in remote.authority.holders()
    assert remote.renew() and remote.connects()
    assert remote.trusted == 1 and "gw-9" in remote.authority.holders()


@pytest.mark.parametrize("what", ["no-link", "self-made", "link-of-a-leaf", "nonsense"])
def test_a_root_that_nothing_ties_to_ours_is_not_believed(
    remote: Remote, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = create(tmp_path / "stranger", "fleet authority 2")
    root = load_certificate(stranger.certificate_file)
    leaf = load_certificate(remote.own.tls.certificate_file)
    links = {
        "no-link": b"",
        "self-made": der(root),
        "link-of-a-leaf": der(leaf),
        "nonsense": b"nonsense",
    }

    def forged(answer: bytes) -> bytes:
        nonce = renewal.decode_answer(answer).nonce
        return renewal.encode_answer(nonce, [], [der(root)], links[what])

    monkeypatch.setattr(remote, "changed", forged)
    before = remote.own.tls.ca_file.read_bytes()
    with pytest.raises(EnrolError, match=r"certificate|ties"):
        remote.renew()
    assert remote.own.tls.ca_file.read_bytes() == before


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


@pytest.mark.parametrize("name", ["authority.pem", "mqtt.pem"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_an_end_at_any_write_of_the_gateway_leaves_it_connected(
    remote: Remote, name: str, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation.begin(remote.authority)
    remote.serve()
    remote.renew()
    remote.switch()
    real = enrol_files.write_private

    def dying(path: Path, content: bytes) -> None:
        if not before or path.name != name:
            real(path, content)
        if path.name == name:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(enrol_files, "write_private", dying)
        remote.renew()
    assert remote.connects()
    remote.renew()
    assert remote.connects() and not rotation.behind(remote.authority)


def test_what_was_revoked_stays_so_under_both_roots(remote: Remote) -> None:
    rotation.begin(remote.authority)
    remote.renew()
    remote.switch()
    remote.authority.revoke("gw-9")
    assert not remote.connects()
    with pytest.raises(EnrolError, match="refused"):
        remote.renew()
    rotation.finish(remote.authority)  # who was revoked holds nobody up


def test_an_end_at_any_write_of_a_step_is_ended_by_its_repetition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (
        rotation.begin,
        lambda authority: rotation.switch(authority, lambda name: True),
        rotation.finish,
    )
    for dies_at in range(12):
        folder = tmp_path / str(dies_at)
        party = Party("gw-1", tmp_path / f"gw-{dies_at}")
        files.ensure(create(folder, "fleet authority"), party)
        dying = Dying(dies_at)
        for step in steps:
            with monkeypatch.context() as patch:
                for module in ("authority", "rotation", "roots", "register"):
                    patch.setattr(f"trifleet.certificates.{module}.write_private", dying)
                try:
                    step(Authority(folder))
                except KeyboardInterrupt:
                    repeat(step, create(folder, "fleet authority"))  # as the stack opens it
            files.ensure(Authority(folder), party)
        found = Authority(folder)
        assert dying.writes > dies_at, "nobody was cut off"
        assert (found.roots.signing, found.roots.trusted) == (2, (2,))
        assert not roots.key_file(folder, 1).exists()
        made = load_certificate(party.certificate_file)
        made.verify_directly_issued_by(load_certificate(found.certificate_file))
        assert x509.load_pem_x509_crl(found.revoked_file.read_bytes()).issuer == made.issuer


class Dying:
    """Writes, but for one time at which the power goes before it."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.writes = 0

    def __call__(self, path: Path, content: bytes) -> None:
        self.writes += 1
        if self.writes == self.at + 1:
            raise KeyboardInterrupt
        write_private(path, content)


def repeat(step: Callable[[Authority], None], authority: Authority) -> None:
    with contextlib.suppress(CertificateError):  # the step counted already
        step(authority)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"signing": 0}', b'{"signing": 1, "trusted": [2], "since": 0}',
                b'{"signing": 1, "trusted": [1, 2, 3], "since": 0}', b'{"signing": true}',
                b'{"signing": 1, "trusted": [1], "since": -1}'],
)  # fmt: skip
def test_a_damaged_file_of_roots_is_named(tmp_path: Path, content: bytes) -> None:
    authority = create(tmp_path / "a", "fleet authority")
    roots.file(authority.folder).write_bytes(content)
    with pytest.raises(CertificateError, match=r"roots\.json is damaged"):
        create(tmp_path / "a", "fleet authority")


def test_the_command_leads_through_the_steps(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    claim(layout)
    authority = create(layout.authority, "fleet authority")
    local = Party("gw-1", layout.gateway("gw-1"))
    files.ensure(authority, local)
    files.ensure(authority, broker_party(layout.tls("broker")))
    far = ec.generate_private_key(ec.SECP256R1()).public_key()
    authority.issue_client("gw-far", far)

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["rotate-authority", *words, "--data", str(layout.root)])
        if isinstance(done.exception, CertificateError):
            return f"refused: {done.exception}"
        assert done.exit_code == 0, done.output
        return done.output

    assert "to change it: begin" in run("status")
    assert "not told yet: gw-far" in run("begin")
    assert len(x509.load_pem_x509_certificates(local.ca_file.read_bytes())) == 2
    assert "refused" in run("begin") and "refused" in run("finish")
    assert "refused" in run("switch")
    assert "not renewed yet: gw-far" in run("switch", "--force")
    made = load_certificate(local.certificate_file)
    made.verify_directly_issued_by(load_certificate(authority.certificate_file))
    assert "refused" in run("finish")
    authority.issue_client("gw-far", far)
    assert "authority 2 signs, and no other" in run("finish")
    assert len(x509.load_pem_x509_certificates(local.ca_file.read_bytes())) == 1
