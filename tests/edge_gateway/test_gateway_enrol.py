"""A gateway enrols with its code: whole or not at all, once, and only by who gave the code out."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edge_gateway import enrol_files, settings
from edge_gateway.enrol import Plan, enrol
from edge_gateway.enrol_carrier import HttpCarrier, checked_address
from edge_gateway.errors import EnrolError
from edge_gateway.mqtt_settings import check_credential
from fleet_backend.fleet.enrolments import ANSWERED
from fleet_backend.registrar.worker import Offer
from protocol import enrolment
from tests.registrar.registrar_stand import NOW, OFFER, Stand

BUSES = (("slcan", "socket://127.0.0.1:4000"),)


class Direct:
    """A carrier without a network, on whose way back the first `lost` answers vanish."""

    def __init__(self, stand: Stand, lost: int = 0) -> None:
        self._stand = stand
        self.lost = lost
        self.seen: list[bytes] = []

    def exchange(self, sealed: bytes) -> tuple[bytes | None, float]:
        self.seen.append(sealed)
        found = self._stand.ask(sealed)
        if self.lost:
            self.lost -= 1
            raise EnrolError("the line was cut")
        if found.state == ANSWERED:
            return found.answer, 0.0
        raise EnrolError(f"refused: {found.reason}")


class Liar:
    """An API server that answers by itself."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def exchange(self, sealed: bytes) -> tuple[bytes | None, float]:
        return self._answer, 0.0


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    (tmp_path / "backend").mkdir()
    return Stand(tmp_path / "backend", offer=Offer(bytes([7] * 32), OFFER.broker, ()))


@pytest.fixture
def code(stand: Stand) -> str:
    return stand.invitations.invite("gw-9", ["trike-9"], 24, NOW)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path / "gw", BUSES, wait_s=5)


def test_a_folder_that_the_gateway_runs_with(stand: Stand, code: str, plan: Plan) -> None:
    assert enrol(plan, code, Direct(stand)) == "gw-9"
    found = settings.load(plan.folder / "gateway.toml")
    assert (found.gateway, found.buses[0].vehicle, found.mqtt.host) == (
        "gw-9",
        "trike-9",
        "broker.example",
    )
    check_credential(found.mqtt, "gw-9")
    for path in (plan.folder, *plan.folder.iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077
    assert not plan.folder.with_name("gw.enrolling").exists()
    for path in plan.folder.iterdir():
        assert code.encode() not in path.read_bytes()
        assert enrolment.key_of(code) not in path.read_bytes()


def test_an_answer_that_was_lost_comes_again(stand: Stand, code: str, plan: Plan) -> None:
    carrier = Direct(stand, lost=1)
    with pytest.raises(EnrolError, match="cut"):
        enrol(plan, code, carrier)
    assert not plan.folder.exists()
    assert enrol(plan, code, carrier) == "gw-9"
    assert carrier.seen[0] == carrier.seen[1]
    assert len(stand.authority.entries()) == 1


WRITES = ["gateway.key", "mqtt.key", "request.cbor", "mqtt.pem", "authority.pem", "gateway.toml"]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("name", WRITES)
def test_an_end_at_any_write_leaves_no_gateway_and_the_repetition_makes_one(
    stand: Stand,
    code: str,
    plan: Plan,
    name: str,
    before: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = enrol_files.write_private

    def dying(path: Path, content: bytes) -> None:
        if path.name == name and before:
            raise KeyboardInterrupt
        real(path, content)
        if path.name == name:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(enrol_files, "write_private", dying)
        enrol(plan, code, Direct(stand))
    assert not plan.folder.exists()
    assert enrol(plan, code, Direct(stand)) == "gw-9"
    assert len(stand.authority.entries()) == 1


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("what", ["rename", "unlink"])
def test_an_end_at_the_last_two_steps_is_ended_by_the_repetition(
    stand: Stand, code: str, plan: Plan, what: str, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The draft becomes the folder; then the request goes, the last of all."""
    real = getattr(Path, what)

    def dying(path: Path, *given: Path, **named: bool) -> None:
        ours = path.name in ("gw.enrolling", "request.cbor")
        if ours and before:
            raise KeyboardInterrupt
        real(path, *given, **named)
        if ours:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, what, dying)
        enrol(plan, code, Direct(stand))
    assert plan.folder.exists() == ((what, before) != ("rename", True))
    if (plan.folder / "request.cbor").exists():
        stranger = stand.invitations.invite("gw-8", ["trike-8"], 24, NOW)
        with pytest.raises(EnrolError, match="another code"):
            enrol(plan, stranger, Direct(stand))
    if (what, before) == ("unlink", False):
        with pytest.raises(EnrolError, match="is there already"):
            enrol(plan, code, Direct(stand))
    else:
        assert enrol(plan, code, Direct(stand)) == "gw-9"
    assert settings.load(plan.folder / "gateway.toml").gateway == "gw-9"
    assert not (plan.folder / "request.cbor").exists()
    assert not plan.folder.with_name("gw.enrolling").exists()
    assert len(stand.authority.entries()) == 1


def test_a_new_code_after_one_that_ended_keeps_the_keys(
    stand: Stand, code: str, plan: Plan
) -> None:
    stand.now += 24 * 3600
    with pytest.raises(EnrolError, match="expired"):
        enrol(plan, code, Direct(stand))
    key = (plan.folder.with_name("gw.enrolling") / "gateway.key").read_bytes()
    second = stand.invitations.invite("gw-9", ["trike-9"], 24, stand.now)
    assert enrol(plan, second, Direct(stand)) == "gw-9"
    assert (plan.folder / "gateway.key").read_bytes() == key


def test_a_server_without_the_code_is_not_believed(stand: Stand, code: str, plan: Plan) -> None:
    answer = enrolment.Answer(
        bytes(16), "gw-9", [b"x"], b"x", bytes(32), ("evil.example", 1, "x"), [], ["trike-9"]
    )
    for forged in (b"", b"nonsense", enrolment.encode_answer(answer, bytes(32))):
        with pytest.raises(EnrolError, match="not from who gave"):
            enrol(plan, code, Liar(forged))
        assert not plan.folder.exists()


def test_an_old_answer_of_the_same_code_is_not_believed(
    stand: Stand, code: str, plan: Plan
) -> None:
    answer = enrolment.Answer(
        bytes(16), "gw-9", [b"x"], b"x", bytes(32), ("host.example", 1, "x"), [], ["trike-9"]
    )
    sealed = enrolment.encode_answer(answer, enrolment.key_of(code))
    with pytest.raises(EnrolError, match="nonce"):
        enrol(plan, code, Liar(sealed))


@pytest.mark.parametrize("what", ["another-key", "another-name", "another-authority", "nonsense"])
def test_certificates_that_do_not_hold(
    stand: Stand, code: str, plan: Plan, what: str, tmp_path: Path
) -> None:
    """Sealed with the right code, and wrong all the same."""
    (tmp_path / "other").mkdir()
    other = Stand(tmp_path / "other")

    class Wrong(Direct):
        def exchange(self, sealed: bytes) -> tuple[bytes | None, float]:
            raw, wait_s = super().exchange(sealed)
            request = enrolment.open_request(sealed, enrolment.key_of(code))
            assert raw is not None
            answer = enrolment.open_answer(raw, enrolment.key_of(code), request.nonce)
            if what == "another-name":
                answer.gateway = "gw-8"
            elif what == "another-authority":
                pem = other.authority.certificate_file.read_bytes()
                root = x509.load_pem_x509_certificate(pem)
                answer.authority = root.public_bytes(Encoding.DER)
            elif what == "another-key":
                answer.chain = [answer.authority]
            else:
                answer.chain = [b"nonsense"]
            return enrolment.encode_answer(answer, enrolment.key_of(code)), wait_s

    with pytest.raises(EnrolError, match="certificate"):
        enrol(plan, code, Wrong(stand))
    assert not plan.folder.exists()
    other.database.close()


def test_a_folder_with_something_in_it_is_left_alone(stand: Stand, code: str, plan: Plan) -> None:
    plan.folder.mkdir()
    (plan.folder / "gateway.key").write_text("mine")
    carrier = Direct(stand)
    with pytest.raises(EnrolError, match="is there already"):
        enrol(plan, code, carrier)
    assert not carrier.seen and (plan.folder / "gateway.key").read_text() == "mine"


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "ftp://host", "host", "https://", "https://u:p@host", "https://h/x",
     "https://h?q", "https://h:0", "https://h:x", "https://h#f", ""],
)  # fmt: skip
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(EnrolError):
        checked_address(address)


def test_nobody_answers(stand: Stand, code: str, tmp_path: Path) -> None:
    plan = Plan(tmp_path / "gw", BUSES, wait_s=0)
    with pytest.raises(EnrolError, match="no answer yet"):
        enrol(plan, code, HttpCarrier("http://127.0.0.1:9"))
