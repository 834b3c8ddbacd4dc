"""Renews a gateway's certificate before its end; the running gateway takes it at its next
connection, because it reads the files anew for each.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from edge_gateway import enrol_files, trust
from edge_gateway.enrol_carrier import Carrier
from edge_gateway.errors import EnrolError
from edge_gateway.mqtt_tls import MqttTls
from protocol import renewal
from protocol.errors import ProtocolError

RENEW_BEFORE_S = 30 * 86_400
_POLL_S = 0.5


@dataclass(frozen=True)
class Own:
    """Who we are: name, statement key, and the three files."""

    gateway: str
    statement_key: Ed25519PrivateKey
    tls: MqttTls


def renew(
    own: Own, carrier: Carrier, wait_s: float = 120.0, clock: Callable[[], float] = time.time
) -> bool:
    """True where there is another certificate; the roots to believe are brought up to date anyway.

    It is renewed with less than 30 days left, or when another root signs. Raises EnrolError; then
    the old certificate stays.
    """
    held = _certificate(own.tls.certificate_file)
    is_due = held.not_valid_after_utc.timestamp() - clock() < RENEW_BEFORE_S
    before = own.tls.ca_file.read_bytes()
    answer = _answer(own, carrier, wait_s, int(clock()), with_csr=is_due)
    signing = _update_roots(own, answer, held)
    if not is_due and own.tls.ca_file.read_bytes() != before:
        # Whoever changes the root waits for it to be held: say so at once.
        answer = _answer(own, carrier, wait_s, int(clock()), with_csr=False)
    if not is_due and signing is not None and held.issuer != signing.subject:
        answer = _answer(own, carrier, wait_s, int(clock()), with_csr=True)
        _update_roots(own, answer, held)
        is_due = True
    if not is_due:
        return False
    made = _checked(own, answer.chain, _key(own.tls.private_key_file), held)
    enrol_files.write_private(own.tls.certificate_file, made)
    if answer.roots:
        # Power goes before this line: the old root is believed until the next time.
        _update_roots(own, answer, _certificate(own.tls.certificate_file))
    return True


def _answer(
    own: Own, carrier: Carrier, wait_s: float, now: int, *, with_csr: bool
) -> renewal.Answer:
    csr = b""
    if with_csr:
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        made = builder.sign(_key(own.tls.private_key_file), hashes.SHA256())
        csr = made.public_bytes(Encoding.DER)
    held = trust.fingerprints(trust.load(own.tls.ca_file))[: renewal.MAX_HELD]
    asked = renewal.Renewal(own.gateway, csr, secrets.token_bytes(16), now, held)
    raw = _ask(carrier, renewal.encode(asked, own.statement_key.sign), wait_s)
    try:
        answer = renewal.decode_answer(raw)
    except ProtocolError as error:
        raise EnrolError(f"the answer cannot be read: {error}") from error
    if answer.nonce != asked.nonce:
        raise EnrolError("the answer is to another request")
    return answer


def _update_roots(
    own: Own, answer: renewal.Answer, certificate: x509.Certificate
) -> x509.Certificate | None:
    """The root that signs now, where the answer names it; what is new is on disk then."""
    if not answer.roots:
        return None
    held = trust.load(own.tls.ca_file)
    good = trust.accepted(held, answer.roots, answer.link)
    wanted = trust.kept(held, good, certificate)
    if wanted != held:
        enrol_files.write_private(own.tls.ca_file, trust.pem(wanted))
    return good[0]


def _ask(carrier: Carrier, sealed: bytes, wait_s: float) -> bytes:
    end = time.monotonic() + wait_s
    while True:
        answer, pause_s = carrier.exchange(sealed)
        if answer is not None:
            return answer
        if time.monotonic() + pause_s > end:
            raise EnrolError("no answer yet: it is asked again the next time")
        time.sleep(max(pause_s, _POLL_S))


def _checked(
    own: Own, raw: list[bytes], key: ec.EllipticCurvePrivateKey, held: x509.Certificate
) -> bytes:
    """PEM of a chain that ends at the authority that we hold, for our key and name, and later."""
    roots = trust.load(own.tls.ca_file)
    try:
        chain = [x509.load_der_x509_certificate(one) for one in raw]
        (root,) = (one for one in roots if one.subject == chain[-1].issuer)
        for one, issuer in zip(chain, [*chain[1:], root], strict=True):
            one.verify_directly_issued_by(issuer)
        names = chain[0].subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        good = [one.value for one in names] == [own.gateway]
        good = good and chain[0].public_key() == key.public_key()
    except Exception as error:  # whatever a certificate's parser or verifier raises
        raise EnrolError("the certificate in the answer does not hold") from error
    if not good:
        raise EnrolError("the certificate in the answer is for another name or key")
    ends_no_later = chain[0].not_valid_after_utc <= held.not_valid_after_utc
    if ends_no_later and chain[0].issuer == held.issuer:
        raise EnrolError("the certificate in the answer ends no later than ours")
    return b"".join(one.public_bytes(Encoding.PEM) for one in chain)


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise EnrolError(f"{path} is no certificate") from error


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise EnrolError(f"{path} is no private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise EnrolError(f"{path} is no key on P-256")
    return key
