"""A certificate is renewed before its end, for its own key, by the authority that is known."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from edge_gateway import enrol_files, settings
from edge_gateway.enrol import Plan, enrol
from edge_gateway.errors import EnrolError
from edge_gateway.mqtt_settings import check_credential
from edge_gateway.renewal import Own, renew
from fleet_backend.fleet import gateways
from fleet_backend.fleet.enrolments import ANSWERED
from fleet_backend.fleet.keys import load_ed25519
from fleet_backend.registrar.worker import Offer
from protocol import renewal
from tests.registrar.registrar_stand import NOW, OFFER, Stand
from trifleet.certificates.authority import create, load_key

DAY_S = 86_400
LATE = NOW + 340 * DAY_S


class Direct:
    """A carrier without a network, which may change what it brings back."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand

    def exchange(self, sealed: bytes) -> tuple[bytes | None, float]:
        found = self._stand.ask(sealed)
        if found.state != ANSWERED or found.answer is None:
            raise EnrolError(f"refused: {found.reason}")
        return self.changed(found.answer), 0.0

    def changed(self, answer: bytes) -> bytes:
        return answer


@dataclass
class Site:
    """A gateway that was enrolled 340 days ago, and its backend."""

    stand: Stand
    own: Own
    folder: Path

    def renew(self, carrier: Direct | None = None) -> bool:
        return renew(self.own, carrier or Direct(self.stand), 5.0, lambda: float(self.stand.now))

    @property
    def held(self) -> bytes:
        return self.own.tls.certificate_file.read_bytes()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "backend").mkdir()
    stand = Stand(tmp_path / "backend", Offer(bytes([7] * 32), OFFER.broker, ()))
    code = stand.invitations.invite("gw-9", ["trike-9"], 24, NOW)
    folder = tmp_path / "gw"
    enrol(Plan(folder, (("socketcan", "can0"),), 5.0), code, Direct(stand))
    stand.now = LATE
    found = settings.load(folder / "gateway.toml")
    assert found.mqtt.tls is not None
    yield Site(stand, Own("gw-9", load_ed25519(found.key_file), found.mqtt.tls), folder)
    stand.database.close()


def test_another_year_for_the_same_key(site: Site) -> None:
    before, client_id = site.held, site.own.tls.client_id("gw-9")
    assert site.renew()
    made = x509.load_pem_x509_certificate(site.held)
    assert site.held != before
    assert made.not_valid_after_utc.timestamp() == LATE + 365 * DAY_S
    assert site.own.tls.client_id("gw-9") == client_id
    check_credential(settings.load(site.folder / "gateway.toml").mqtt, "gw-9")
    assert not site.renew()


def test_not_before_it_is_time(site: Site) -> None:
    site.stand.now = NOW + 300 * DAY_S
    before = site.held
    assert not site.renew()
    assert site.held == before
    assert len(site.stand.authority.entries()) == 1


def test_who_was_revoked_is_not_renewed(site: Site) -> None:
    with site.stand.database.begin() as connection:
        gateways.revoke(connection, "gw-9", LATE)
    with pytest.raises(EnrolError, match="refused"):
        site.renew()


def test_a_certificate_that_was_taken_back_is_not_renewed(site: Site) -> None:
    site.stand.authority.revoke("gw-9")
    with pytest.raises(EnrolError, match="refused"):
        site.renew()


def test_another_statement_key_renews_nothing(site: Site) -> None:
    before = site.held
    site.own = replace(site.own, statement_key=Ed25519PrivateKey.generate())
    with pytest.raises(EnrolError, match="refused"):
        site.renew()
    assert site.held == before


@pytest.mark.parametrize("gateway", ["gw-8", "ingest"])
def test_who_is_not_known_gets_nothing(site: Site, gateway: str) -> None:
    site.own = replace(site.own, gateway=gateway)
    with pytest.raises(EnrolError, match="refused"):
        site.renew()


@pytest.mark.parametrize("off_s", [-86_401, 86_401])
def test_a_clock_that_is_a_day_off(site: Site, off_s: int) -> None:
    with pytest.raises(EnrolError, match="time"):
        renew(site.own, Direct(site.stand), 5.0, lambda: float(LATE + off_s))


def test_old_requests_that_are_played_again_end(site: Site) -> None:
    """A few certificates for the gateway's own key, and then none for a month."""
    before = site.held
    for _ in range(5):
        assert site.renew()
        site.own.tls.certificate_file.write_bytes(before)
    with pytest.raises(EnrolError, match="often"):
        site.renew()
    assert len(site.stand.authority.entries()) == 6


def own_key(site: Site) -> ec.EllipticCurvePublicKey:
    return load_key(site.own.tls.private_key_file).public_key()


def new_key() -> ec.EllipticCurvePublicKey:
    return ec.generate_private_key(ec.SECP256R1()).public_key()


def of_another_authority(site: Site, folder: Path) -> bytes:
    made = create(folder, "fleet authority").issue_client("gw-9", own_key(site))
    return x509.load_pem_x509_certificate(made).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    "what", ["nonsense", "nonce", "another-authority", "another-name", "another-key", "the-old-one"]
)
def test_what_a_server_makes_up_is_not_written(site: Site, tmp_path: Path, what: str) -> None:
    class Liar(Direct):
        def changed(self, answer: bytes) -> bytes:
            nonce = renewal.decode_answer(answer).nonce
            authority, key = site.stand.authority, own_key(site)
            pems = {
                "another-name": lambda: authority.issue_client("gw-8", key),
                "another-key": lambda: authority.issue_client("gw-9", new_key()),
                "the-old-one": lambda: site.held,
            }
            if what == "nonsense":
                return b"nonsense"
            if what == "nonce":
                return renewal.encode_answer(bytes(16), [b"x"])
            if what == "another-authority":
                return renewal.encode_answer(
                    nonce, [of_another_authority(site, tmp_path / "other")]
                )
            made = x509.load_pem_x509_certificate(pems[what]())
            return renewal.encode_answer(nonce, [made.public_bytes(Encoding.DER)])

    before = site.held
    with pytest.raises(EnrolError):
        site.renew(Liar(site.stand))
    assert site.held == before


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_an_end_at_the_write_leaves_a_whole_certificate(
    site: Site, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = enrol_files.write_private

    def dying(path: Path, content: bytes) -> None:
        if not before:
            real(path, content)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(enrol_files, "write_private", dying)
        site.renew()
    check_credential(settings.load(site.folder / "gateway.toml").mqtt, "gw-9")
    assert site.renew() is before
