"""A new gateway, or a notary, gets its name and its certificate with a one-time code.

Both keys are made here and stay here. Everything is gathered in `<folder>.enrolling`, and becomes
the folder in one rename, so there is a whole gateway or none. A repetition after an interruption
sends the very same request again, to which the backend gives the very same answer. The request is
the last to go, after the rename: a folder that still has it is whole, and the repetition ends it.
"""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edge_gateway import enrol_files, settings
from edge_gateway.enrol_carrier import Carrier
from edge_gateway.enrol_files import (
    AUTHORITY,
    CERTIFICATE,
    KEY,
    NOTARY_SETTINGS,
    SETTINGS,
    TLS_KEY,
)
from edge_gateway.errors import EnrolError
from protocol import enrolment
from protocol.enrolment import Answer, Request
from protocol.errors import ProtocolError

_REQUEST = "request.cbor"
_POLL_S = 0.5


@dataclass(frozen=True)
class Plan:
    """Where the gateway's folder shall be, and the bus of each vehicle: (interface, channel)."""

    folder: Path
    buses: tuple[tuple[str, str], ...]
    wait_s: float = 120.0
    is_notary: bool = False  # then there is no bus

    @property
    def settings(self) -> str:
        """Name of the file of settings."""
        return NOTARY_SETTINGS if self.is_notary else SETTINGS


def enrol(plan: Plan, code: str, carrier: Carrier) -> str:
    """The gateway's name, when its folder is whole. Raises EnrolError; then there is no folder."""
    folder = plan.folder
    if (folder / _REQUEST).exists():
        return _end(plan, code)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EnrolError(f"{folder} is there already")
    draft = folder.with_name(folder.name + ".enrolling")
    draft.mkdir(parents=True, exist_ok=True, mode=0o700)
    with enrol_files.alone_in(draft, EnrolError(f"another process works in {draft}")):
        request, sealed = _request(draft, code)
        raw = _ask(plan, carrier, sealed)
        try:
            answer = enrolment.open_answer(raw, enrolment.key_of(code), request.nonce)
        except ProtocolError as error:
            raise EnrolError(f"the answer is not from who gave the code out: {error}") from error
        _finish(draft, plan, answer)
    return answer.gateway


def _finish(draft: Path, plan: Plan, answer: Answer) -> None:
    check_chain(answer, _tls_key(draft).public_key())
    if plan.is_notary != (not answer.vehicles):
        kind = "gateway" if answer.vehicles else "notary"
        raise EnrolError(f"this code is for a {kind}: trifleet {kind} enrol")
    if len(plan.buses) < len(answer.vehicles):
        raise EnrolError(f"a bus for each of {', '.join(answer.vehicles)}, in this order")
    enrol_files.write_answer(draft, answer, plan.buses, plan.settings)
    # What we wrote can be read: raises SettingsError.
    settings.load(draft / plan.settings, has_buses=not plan.is_notary)
    # Power goes before this line: the draft is gathered again, from the same answer.
    draft.rename(plan.folder)
    enrol_files.sync_folder(plan.folder.parent)
    # Power goes before this line: the gateway is whole, and the repetition takes the request away.
    _forget_request(plan.folder)


def _end(plan: Plan, code: str) -> str:
    """What was enrolled with this very code and cut off after the rename. Raises EnrolError."""
    folder = plan.folder
    try:
        enrolment.open_request((folder / _REQUEST).read_bytes(), enrolment.key_of(code))
    except ProtocolError as error:
        raise EnrolError(f"{folder} is there already, enrolled with another code") from error
    name = settings.load(folder / plan.settings, has_buses=not plan.is_notary).gateway
    _forget_request(folder)
    return name


def _forget_request(folder: Path) -> None:
    (folder / _REQUEST).unlink()
    enrol_files.sync_folder(folder)


def check_chain(answer: Answer, key: ec.EllipticCurvePublicKey) -> None:
    """Is the certificate ours, by name and key, and from the authority? Raises EnrolError."""
    try:
        chain = [x509.load_der_x509_certificate(one) for one in answer.chain]
        root = x509.load_der_x509_certificate(answer.authority)
        for one, issuer in zip(chain, [*chain[1:], root], strict=True):
            one.verify_directly_issued_by(issuer)
        names = chain[0].subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        good = [one.value for one in names] == [answer.gateway] and chain[0].public_key() == key
    except Exception as error:  # whatever a certificate's parser or verifier raises
        raise EnrolError("the certificates in the answer do not hold") from error
    if not good:
        raise EnrolError("the certificate in the answer is for another name or key")


def _request(draft: Path, code: str) -> tuple[Request, bytes]:
    """The one of before where it is of this code, else a new one, on disk before it goes."""
    path, key = draft / _REQUEST, enrolment.key_of(code)
    if path.exists():
        sealed = path.read_bytes()
        try:
            return enrolment.open_request(sealed, key), sealed
        except ProtocolError:
            path.unlink()  # of another code
    statement_key, tls_key = _statement_key(draft), _tls_key(draft)
    public = statement_key.public_key().public_bytes_raw()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = builder.sign(tls_key, hashes.SHA256()).public_bytes(Encoding.DER)
    nonce, named = secrets.token_bytes(enrolment.NONCE_BYTES), enrolment.invitation_of(code)
    proof = statement_key.sign(enrolment.proof_message(named, public, csr, nonce))
    request = Request(named, public, csr, nonce, proof)
    sealed = enrolment.encode_request(request, key)
    enrol_files.write_private(path, sealed)
    return request, sealed


def _ask(plan: Plan, carrier: Carrier, sealed: bytes) -> bytes:
    """The sealed answer. Raises EnrolError: refused, or nobody answered in time."""
    end = time.monotonic() + plan.wait_s
    while True:
        answer, wait_s = carrier.exchange(sealed)
        if answer is not None:
            return answer
        if time.monotonic() + wait_s > end:
            raise EnrolError("no answer yet: the same command with the same code goes on")
        time.sleep(max(wait_s, _POLL_S))


def _statement_key(draft: Path) -> Ed25519PrivateKey:
    path = draft / KEY
    if not path.exists():
        enrol_files.write_private(path, _pem(Ed25519PrivateKey.generate()))
    key = _load(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise EnrolError(f"{path} is no Ed25519 key")
    return key


def _tls_key(draft: Path) -> ec.EllipticCurvePrivateKey:
    path = draft / TLS_KEY
    if not path.exists():
        enrol_files.write_private(path, _pem(ec.generate_private_key(ec.SECP256R1())))
    key = _load(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise EnrolError(f"{path} is no key on P-256")
    return key


def _load(path: Path) -> object:
    try:
        return load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise EnrolError(f"{path} is damaged: remove it") from error


def _pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


__all__ = ["AUTHORITY", "CERTIFICATE", "Plan", "check_chain", "enrol"]
