"""The registrar: who gets a certificate, who does not, and what a kill -9 between writes leaves."""

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_backend.fleet import counters, enrolments, gateways
from fleet_backend.registrar.errors import InvitationError
from fleet_backend.registrar.invitations import Invitations
from fleet_backend.registrar.worker import WRONG_CODES
from protocol import enrolment
from tests.registrar.registrar_child import WRITES
from tests.registrar.registrar_stand import NOW, OFFER, Asker, Stand, csr_of

OTHER = enrolment.code_of(bytes(15))


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


@pytest.fixture
def code(stand: Stand) -> str:
    return stand.invitations.invite("gw-9", ["trike-9"], 24, NOW)


def assert_enrolled(stand: Stand, asker: Asker, found: enrolment.Answer) -> None:
    leaf = x509.load_der_x509_certificate(found.chain[0])
    root = x509.load_der_x509_certificate(found.authority)
    leaf.verify_directly_issued_by(root)
    assert leaf.public_key() == asker.tls_key.public_key()
    assert [one.value for one in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)] == [
        "gw-9"
    ]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with stand.database.read() as connection:
        assert gateways.get(connection, "gw-9").public_key == asker.public_key
    assert leaf.serial_number in stand.authority.holders()["gw-9"][1]


def test_a_code_yields_a_certificate_for_the_gateways_own_key(stand: Stand, code: str) -> None:
    asker = Asker()
    found = asker.open(code, stand.ask(asker.request(code)).answer)
    assert_enrolled(stand, asker, found)
    assert (found.gateway, found.vehicles) == ("gw-9", ["trike-9"])
    assert (found.ack_public_key, found.broker) == (OFFER.ack_public_key, OFFER.broker)
    assert tuple(found.logs) == OFFER.logs


def test_the_same_request_gets_the_same_answer_and_no_other_gets_any(
    stand: Stand, code: str
) -> None:
    asker = Asker()
    request = asker.request(code)
    first = stand.ask(request)
    with stand.database.begin() as connection:
        enrolments.sweep(connection, stand.now + enrolments.ANSWER_S + 1)
    assert stand.found(request).state == enrolments.OVER
    assert stand.ask(request).answer == first.answer
    assert len(stand.authority.entries()) == 1
    assert stand.ask(Asker().request(code)).reason == "used"
    asker.nonce = bytes(16)
    assert stand.ask(asker.request(code)).reason == "used"


def test_an_invitation_ends(stand: Stand, code: str) -> None:
    stand.now += 24 * 3600
    assert stand.ask(Asker().request(code)).reason == "expired"
    assert not stand.authority.entries()


def test_five_wrong_seals_kill_an_invitation(stand: Stand, code: str) -> None:
    named = enrolment.invitation_of(code)
    for count in range(5):
        asked = enrolment.Request(named, bytes(32), b"csr", bytes([count] * 16), bytes(64))
        assert stand.ask(enrolment.encode_request(asked, bytes(32))).reason == "refused"
    assert [one.state(NOW) for one in stand.invitations.all()] == ["dead"]
    assert stand.ask(Asker().request(code)).reason == "refused"
    with stand.database.read() as connection:
        assert counters.values(connection)[WRONG_CODES] == 5


def test_a_code_that_nobody_gave_out_is_counted(stand: Stand, code: str) -> None:
    assert stand.ask(Asker().request(OTHER)).reason == "refused"
    with stand.database.read() as connection:
        assert counters.values(connection)[WRONG_CODES] == 1
    assert stand.invitations.all()[0].wrong == 0


@pytest.mark.parametrize("what", ["nonsense", "rsa", "other-curve", "torn-signature"])
def test_a_bad_certificate_request_does_not_use_the_code_up(
    stand: Stand, code: str, what: str
) -> None:
    asker = Asker()
    good = csr_of(asker.tls_key)
    csr = {
        "nonsense": lambda: b"nonsense",
        "rsa": lambda: csr_of(rsa.generate_private_key(65537, 2048)),
        "other-curve": lambda: csr_of(ec.generate_private_key(ec.SECP384R1())),
        "torn-signature": lambda: good[:-1] + bytes([good[-1] ^ 1]),
    }[what]()
    assert stand.ask(asker.request(code, csr)).reason == "certificate-request"
    assert_enrolled(stand, asker, asker.open(code, stand.ask(asker.request(code)).answer))


def test_nobody_enrols_the_statement_key_of_another(stand: Stand, code: str) -> None:
    request = Asker().request(code, prover=Ed25519PrivateKey.generate())
    assert stand.ask(request).reason == "proof"
    assert not stand.authority.entries()


def test_a_name_that_is_anothers_is_refused(stand: Stand, code: str) -> None:
    with stand.database.begin() as connection:
        gateways.register(connection, "gw-9", bytes([1] * 32), gateways.GATEWAY, NOW)
    assert stand.ask(Asker().request(code)).reason == "name"
    assert stand.invitations.all()[0].request == ""
    assert not stand.authority.entries()


def test_a_name_of_a_program_is_refused(stand: Stand) -> None:
    from trifleet.certificates.register import Use

    stand.authority.issue_client("ingest", Asker().tls_key.public_key(), Use.INGEST)
    code = stand.invitations.invite("ingest", ["trike-9"], 1, NOW)
    assert stand.ask(Asker().request(code)).reason == "name"


def test_a_code_that_was_taken_back_is_worth_nothing(stand: Stand, code: str) -> None:
    stand.invitations.uninvite("gw-9")
    assert stand.ask(Asker().request(code)).reason == "refused"
    with pytest.raises(InvitationError):
        stand.invitations.uninvite("gw-9")


def test_a_new_invitation_ends_the_one_before(stand: Stand, code: str) -> None:
    second = stand.invitations.invite("gw-9", ["trike-9"], 24, NOW)
    assert stand.ask(Asker().request(code)).reason == "refused"
    assert stand.ask(Asker().request(second)).state == enrolments.ANSWERED


@pytest.mark.parametrize("step", range(len(WRITES)), ids=str)
def test_after_a_kill_at_any_write_the_same_request_is_answered(
    stand: Stand, code: str, step: int
) -> None:
    asker = Asker()
    request = asker.request(code)
    stand.queue(request)
    command = [sys.executable, "-m", "tests.registrar.registrar_child", str(stand.folder)]
    ended = subprocess.run([*command, str(step)], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert stand.ask(Asker().request(code)).reason == "used"
    again = Stand(stand.folder)
    again.worker.step()
    assert_enrolled(again, asker, asker.open(code, again.found(request).answer))
    again.database.close()


def test_the_code_is_in_no_file(stand: Stand, code: str) -> None:
    asker = Asker()
    stand.ask(asker.request(code))
    for path in stand.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert code.encode() not in content
            assert enrolment.show_code(code).encode() not in content
            if path.parent.name != "invitations":
                assert enrolment.key_of(code) not in content
                assert enrolment.key_of(code).hex().encode() not in content
    for path in (stand.folder / "invitations").glob("*.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("gateway", "vehicles", "hours"),
    [
        ("gw/9", ["trike-9"], 1),
        ("gw-9", ["trike#"], 1),
        ("gw-9", [], 1),
        ("gw-9", ["trike-9", "trike-9"], 1),
        ("gw-9", [f"t{n}" for n in range(17)], 1),
        ("gw-9", ["trike-9"], 0),
        ("gw-9", ["trike-9"], 721),
    ],
    ids=["name", "vehicle", "none", "twice", "many", "no-time", "long"],
)
def test_an_invitation_that_makes_no_sense(
    stand: Stand, gateway: str, vehicles: list[str], hours: int
) -> None:
    with pytest.raises(InvitationError):
        stand.invitations.invite(gateway, vehicles, hours, NOW)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300) | st.from_regex(rb'\{"name": .{0,40}\}'))
def test_a_damaged_file_is_named_and_never_shown(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    invitations = Invitations(folder)
    (folder / f"{'00' * 16}.json").write_bytes(content)
    with pytest.raises(InvitationError, match="is damaged"):
        invitations.all()


def test_a_gateway_that_was_revoked_does_not_come_back_with_its_key(stand: Stand) -> None:
    asker = Asker()
    with stand.database.begin() as connection:
        gateways.register(connection, "gw-9", asker.public_key, gateways.GATEWAY, NOW)
        assert gateways.revoke(connection, "gw-9", NOW)
        assert not gateways.revoke(connection, "gw-9", NOW)
    code = stand.invitations.invite("gw-9", ["trike-9"], 24, NOW)
    assert stand.ask(asker.request(code)).reason == "name"
    assert not stand.authority.entries()
