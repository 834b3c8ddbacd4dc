"""The installation's authority: what it signs, what it refuses, and what a renewal keeps."""

import json
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from trifleet.certificates import files, register
from trifleet.certificates.authority import (
    DAY_S,
    LIFE_S,
    Authority,
    create,
    key_digest,
    load_certificate,
    load_key,
)
from trifleet.certificates.errors import CertificateError
from trifleet.certificates.files import Party, broker_party
from trifleet.certificates.register import Use

NOW = 1_790_000_000


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(tmp_path: Path, clock: Clock) -> Authority:
    return create(tmp_path / "authority", "fleet authority", clock)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def request_for(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *names: tuple[x509.ObjectIdentifier, str]
) -> bytes:
    subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in names])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM)


def test_a_client_s_certificate_is_for_a_client_of_this_name_for_a_year(
    authority: Authority,
) -> None:
    key = new_key()
    made = x509.load_pem_x509_certificate(authority.issue_client("gw-1", key.public_key()))
    assert made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "gw-1"
    assert made.not_valid_after_utc.timestamp() == NOW + LIFE_S
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    made.verify_directly_issued_by(load_certificate(authority.certificate_file))
    assert authority.holders() == {"gw-1": (Use.GATEWAY, (made.serial_number,))}


def test_the_broker_s_certificate_is_for_a_server_of_these_names(authority: Authority) -> None:
    pem = authority.issue_server(new_key().public_key(), ["broker.example", "10.1.2.3"])
    made = x509.load_pem_x509_certificate(pem)
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one.value) for one in names] == [
        "127.0.0.1",
        "localhost",
        "broker.example",
        "10.1.2.3",
    ]
    assert authority.holders() == {}


@pytest.mark.parametrize(
    "name",
    ["", "gw/1", "gw+1", "gw#", "$SYS", "gw 1", "GW-1", "gw\x001", "-gw", "gw-", "é", "g" * 33],
    ids=range(12),
)
def test_a_name_that_is_no_identifier_gets_no_certificate(authority: Authority, name: str) -> None:
    with pytest.raises(CertificateError, match="a-z 0-9 -"):
        authority.issue_client(name, new_key().public_key())
    with pytest.raises(CertificateError, match="a-z 0-9 -"):
        authority.revoke(name)
    assert authority.entries() == ()


@pytest.mark.parametrize("host", ["", "*", "a b", "a/b", "a\x00b", "x" * 254], ids=range(6))
def test_what_is_no_host_is_not_put_into_the_broker_s_certificate(
    authority: Authority, host: str
) -> None:
    with pytest.raises(CertificateError, match="neither a host name nor an address"):
        authority.issue_server(new_key().public_key(), [host])
    assert authority.entries() == ()


def test_a_name_has_one_use_for_good(authority: Authority) -> None:
    authority.issue_client("gw-1", new_key().public_key())
    authority.issue_client("ingest", new_key().public_key(), Use.INGEST)
    for name, use in (("gw-1", Use.API), ("ingest", Use.GATEWAY), ("broker", Use.GATEWAY)):
        with pytest.raises(CertificateError, match="another use"):
            authority.issue_client(name, new_key().public_key(), use)
    authority.revoke("gw-1")
    with pytest.raises(CertificateError, match="another use"):
        authority.issue_client("gw-1", new_key().public_key(), Use.INGEST)


def test_another_curve_is_refused(authority: Authority) -> None:
    with pytest.raises(CertificateError, match="P-256"):
        authority.issue_client("gw-1", ec.generate_private_key(ec.SECP384R1()).public_key())


def test_what_was_revoked_is_on_the_list_and_no_holder(authority: Authority, clock: Clock) -> None:
    first, second = new_key(), new_key()
    for key in (first, second):
        authority.issue_client("gw-1", key.public_key())
    clock.now += 5
    gone = authority.revoke("gw-1", but_key=key_digest(second.public_key()))
    assert [one.key for one in gone] == [key_digest(first.public_key())]
    found = x509.load_pem_x509_crl(authority.revoked_file.read_bytes())
    assert [one.serial_number for one in found] == [gone[0].serial]
    root = load_certificate(authority.certificate_file)
    key = root.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert found.is_signature_valid(key)
    assert found.next_update_utc == root.not_valid_after_utc  # a list that is over locks all out
    assert len(authority.holders()["gw-1"][1]) == 1
    assert authority.revoke("gw-2") == []
    again = create(authority.folder, "fleet authority", clock)
    assert again.entries() == authority.entries()


def test_each_list_has_a_higher_number_than_the_one_before(authority: Authority) -> None:
    numbers = []
    for step in range(6):
        if step % 2 == 0:
            authority.issue_client(f"gw-{step}", new_key().public_key())
        else:
            authority.revoke(f"gw-{step - 1}")
        found = x509.load_pem_x509_crl(authority.revoked_file.read_bytes())
        numbers.append(found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
    assert numbers == sorted(set(numbers))


def test_a_certificate_that_is_over_makes_no_holder(authority: Authority, clock: Clock) -> None:
    authority.issue_client("gw-1", new_key().public_key())
    clock.now += LIFE_S - 1
    assert "gw-1" in authority.holders()
    clock.now += 1
    assert authority.holders() == {}


def test_renewal_comes_in_time_and_keeps_the_key(
    authority: Authority, clock: Clock, tmp_path: Path
) -> None:
    party = Party("gw-1", tmp_path / "gw-1")
    assert files.ensure(authority, party, clock)
    key, first = party.private_key_file.read_bytes(), party.certificate_file.read_bytes()
    clock.now += LIFE_S - 31 * DAY_S
    assert not files.ensure(authority, party, clock)
    clock.now += 2 * DAY_S
    assert files.ensure(authority, party, clock)
    assert party.private_key_file.read_bytes() == key
    assert party.certificate_file.read_bytes() != first
    assert len(authority.holders()["gw-1"][1]) == 2  # the old one is good until its end


def test_a_revoked_name_is_not_renewed_but_issued_anew(
    authority: Authority, clock: Clock, tmp_path: Path
) -> None:
    party = Party("gw-1", tmp_path / "gw-1")
    files.ensure(authority, party, clock)
    key = party.private_key_file.read_bytes()
    authority.revoke("gw-1")
    assert not files.ensure(authority, party, clock)
    for path in (party.certificate_file, party.private_key_file):
        path.unlink()
    assert not files.ensure(authority, party, clock)  # nor where the files are gone
    with pytest.raises(CertificateError, match="was revoked"):
        files.check_not_revoked(authority, party)
    files.replace_key(authority, party)
    assert party.private_key_file.read_bytes() != key
    assert len(authority.holders()["gw-1"][1]) == 1
    assert not files.ensure(authority, party, clock)


def test_another_key_revokes_the_one_before(authority: Authority, tmp_path: Path) -> None:
    party = Party("gw-1", tmp_path / "gw-1")
    files.ensure(authority, party)
    first = load_certificate(party.certificate_file).serial_number
    files.replace_key(authority, party)
    second = load_certificate(party.certificate_file).serial_number
    assert authority.holders()["gw-1"][1] == (second,)
    assert [one.serial for one in authority.entries() if one.revoked] == [first]


def test_an_interrupted_replacement_is_mended(
    authority: Authority, clock: Clock, tmp_path: Path
) -> None:
    """Power goes between key and certificate: they do not fit, and the next start sees it."""
    party = Party("gw-1", tmp_path / "gw-1")
    files.ensure(authority, party, clock)
    files.write_key(party.private_key_file, new_key())
    assert files.ensure(authority, party, clock)
    found = load_certificate(party.certificate_file)
    assert found.public_key() == load_key(party.private_key_file).public_key()
    assert not files.ensure(authority, party, clock)


def test_the_broker_gets_another_certificate_for_another_host(
    authority: Authority, clock: Clock, tmp_path: Path
) -> None:
    assert files.ensure(authority, broker_party(tmp_path / "b"), clock)
    assert not files.ensure(authority, broker_party(tmp_path / "b"), clock)
    assert files.ensure(authority, broker_party(tmp_path / "b", ["fleet.example"]), clock)
    assert not files.ensure(authority, broker_party(tmp_path / "b", ["fleet.example"]), clock)


def test_a_request_yields_a_certificate_for_its_key_and_nothing_else(
    authority: Authority, tmp_path: Path
) -> None:
    key = new_key()
    party = Party("gw-5", tmp_path / "gw-5")
    request = request_for(key, (NameOID.COMMON_NAME, "gw-5"))
    files.answer_request(authority, party, request)
    made = load_certificate(party.certificate_file)
    assert made.public_key() == key.public_key() and not party.private_key_file.exists()
    files.answer_request(authority, party, request_for(new_key(), (NameOID.COMMON_NAME, "gw-5")))
    assert len(authority.holders()["gw-5"][1]) == 1


def test_a_request_that_is_not_for_this_name_or_not_good_is_refused(authority: Authority) -> None:
    good = request_for(new_key(), (NameOID.COMMON_NAME, "gw-5"))
    spoilt = x509.load_pem_x509_csr(good).public_bytes(Encoding.DER)
    spoilt = spoilt[:-1] + bytes((spoilt[-1] ^ 1,))
    two = request_for(new_key(), (NameOID.COMMON_NAME, "gw-5"), (NameOID.COMMON_NAME, "gw-6"))
    small = request_for(rsa.generate_private_key(65537, 2048), (NameOID.COMMON_NAME, "gw-5"))
    for request in (
        b"",
        b"nonsense",
        ssl.DER_cert_to_PEM_cert(spoilt).replace("CERTIFICATE", "CERTIFICATE REQUEST").encode(),
        request_for(new_key(), (NameOID.COMMON_NAME, "gw-6")),
        two,
        small,
    ):
        with pytest.raises(CertificateError):
            authority.issue_requested("gw-5", request)
    assert authority.entries() == ()


def test_secret_files_are_private_and_the_authority_is_apart(
    authority: Authority, tmp_path: Path
) -> None:
    party = Party("gw-1", tmp_path / "gw-1")
    files.ensure(authority, party)
    for path in (authority.folder / "authority.key", party.private_key_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(authority.folder.stat().st_mode) == 0o700
    held = (authority.folder / "authority.key").read_bytes()
    assert all(held not in path.read_bytes() for path in party.folder.iterdir())


def test_files_that_are_missing_or_spoilt_are_named(authority: Authority, clock: Clock) -> None:
    (authority.folder / "authority.pem").write_text("spoilt")
    with pytest.raises(CertificateError, match=r"authority\.pem"):
        Authority(authority.folder, clock)
    (authority.folder / "authority.key").write_text("spoilt")
    with pytest.raises(CertificateError, match=r"authority\.key"):
        Authority(authority.folder, clock)
    (authority.folder / "authority.key").unlink()
    with pytest.raises(CertificateError, match=r"authority\.key"):
        Authority(authority.folder, clock)


ENTRY = {
    "serial": "ab",
    "name": "gw-1",
    "use": "gateway",
    "begins": 1,
    "ends": 2,
    "key": "00" * 32,
    "revoked": 0,
}


@pytest.mark.parametrize(
    "change",
    [
        {"serial": "0ab"},
        {"serial": "AB"},
        {"serial": "-1"},
        {"serial": "0"},
        {"serial": 171},
        {"serial": "f" * 41},
        {"name": "gw/1"},
        {"name": None},
        {"use": "root"},
        {"begins": -1},
        {"ends": 1.5},
        {"revoked": True},
        {"ends": 1 << 60},
        {"key": "00"},
        {"key": "zz" * 32},
        {"extra": 1},
    ],
    ids=range(16),
)
def test_a_register_that_nobody_wrote_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "register.json"
    path.write_text(json.dumps([ENTRY]))
    assert register.load(path)[0].serial == 0xAB
    path.write_text(json.dumps([{**ENTRY, **change}]))
    with pytest.raises(CertificateError, match="damaged"):
        register.load(path)
    path.write_text(json.dumps([ENTRY, ENTRY]))
    with pytest.raises(CertificateError, match="twice"):
        register.load(path)


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_a_register_or_the_one_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-register.json"
    path.write_bytes(data)
    try:
        found = register.load(path)
    except CertificateError:
        return
    assert found == ()
