"""Which request is fulfilled. Pure: the bytes, the invitation and the time in, a request out.

Whoever has not the code is told one word, `refused`, whatever was wrong.
"""

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from fleet_backend.fleet import keys
from fleet_backend.fleet.errors import ValueRefusedError
from fleet_backend.registrar.errors import RefusedRequestError
from fleet_backend.registrar.invitations import MAX_WRONG, Invitation
from protocol import enrolment, renewal
from protocol.enrolment import Request
from protocol.errors import VerifyError

REFUSED = "refused"
EXPIRED = "expired"
USED = "used"
CSR = "certificate-request"
PROOF = "proof"
NAME = "name"
VEHICLE = "vehicle"
TIME = "time"
OFTEN = "often"
# A gateway whose clock is further off than this does not renew by itself.
FRESH_S = 86_400


class WrongCodeError(RefusedRequestError):
    """Sealed under another key than the invitation's: to be counted."""

    def __init__(self) -> None:
        super().__init__(REFUSED)


@dataclass(frozen=True)
class Wish:
    """A request that may be fulfilled, and the key that the certificate shall be for."""

    request: Request
    digest: str
    tls_key: ec.EllipticCurvePublicKey


def check(invitation: Invitation, data: bytes, now: int) -> Wish:
    """Raises RefusedRequestError, WrongCodeError among them. `data` is a well-formed request."""
    if invitation.wrong >= MAX_WRONG:
        raise RefusedRequestError(REFUSED)
    try:
        request = enrolment.open_request(data, bytes.fromhex(invitation.key))
    except VerifyError as error:
        raise WrongCodeError from error
    if now >= invitation.expires:
        raise RefusedRequestError(EXPIRED)
    digest = hashlib.sha256(data).hexdigest()
    if invitation.request not in ("", digest):
        raise RefusedRequestError(USED)
    _check_proof(request)
    return Wish(request, digest, tls_key(request.csr))


def check_renewal(data: bytes, public_key: bytes, now: int) -> renewal.Renewal:
    """Raises RefusedRequestError. `data` is a well-formed request, the key its gateway's."""
    try:
        asked = renewal.open_renewal(data, keys.ed25519_verifier(public_key))
    except VerifyError as error:
        raise RefusedRequestError(REFUSED) from error
    if abs(asked.time - now) > FRESH_S:
        raise RefusedRequestError(TIME)
    return asked


def _check_proof(request: Request) -> None:
    message = enrolment.proof_message(
        request.invitation, request.public_key, request.csr, request.nonce
    )
    try:
        good = keys.ed25519_verifier(request.public_key)(message, request.proof)
    except ValueRefusedError as error:
        raise RefusedRequestError(PROOF) from error
    if not good:
        raise RefusedRequestError(PROOF)


def tls_key(csr: bytes) -> ec.EllipticCurvePublicKey:
    """Key on P-256 of a PKCS #10 request that it signed. Nothing else of it is looked at."""
    try:
        request = x509.load_der_x509_csr(csr)
        key = request.public_key()
        holds = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RefusedRequestError(CSR) from error
    if not holds or not isinstance(key, ec.EllipticCurvePublicKey):
        raise RefusedRequestError(CSR)
    if not isinstance(key.curve, ec.SECP256R1):
        raise RefusedRequestError(CSR)
    return key
