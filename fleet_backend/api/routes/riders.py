"""Riders: a public key, and the proof that the client has the other half."""

from fastapi import APIRouter, Response

from fleet_backend.api import models
from fleet_backend.api.encoding import from_b64u
from fleet_backend.api.errors import BadMessageError, BadValueError, ProofError, StaleProofError
from fleet_backend.api.idempotency import once
from fleet_backend.api.routes.common import Key
from fleet_backend.api.services import Use
from fleet_backend.fleet import riders
from protocol import cose, request, rsa
from protocol.errors import DecodeError

FRESH_S = 120
router = APIRouter(prefix="/v1/riders", tags=["riders"])


@router.post("", status_code=201, response_model=models.Rider, responses={200: {}})
def register(new: models.NewRider, key: Key, services: Use) -> Response:
    """Register a public key; 200 where it is registered already."""
    modulus = rsa.modulus_of_spki(from_b64u(new.public_key, "public_key"))
    if modulus is None:
        raise BadValueError("public_key", "not an RSA key of 2048, 3072 or 4096 bits with 65537")
    now = services.now()
    _check_proof(modulus, from_b64u(new.proof, "proof"), now)
    with_name = models.Rider(rider=rsa.thumbprint(modulus).hex())
    return once(
        services.database,
        key,
        "riders",
        new,
        now,
        lambda db: (201 if riders.register(db, modulus, now)[1] else 200, with_name),
    )


def _check_proof(modulus: bytes, proof: bytes, now: int) -> None:
    try:
        payload, signature = cose.split(proof, cose.PS256, "proof")
        signed_at = request.decode_registration(payload)
    except DecodeError as error:
        raise BadMessageError(error.name, error.where) from error
    if not rsa.verify(modulus, request.registration_message(payload), signature):
        raise ProofError("the proof is not signed by this key")
    if abs(now - signed_at) > FRESH_S:
        raise StaleProofError(f"signed more than {FRESH_S} s from the server's time {now}")
