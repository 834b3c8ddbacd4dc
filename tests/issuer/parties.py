"""The people and machines that sign in the tests: fixed RSA keys of their own, real signatures."""

import functools
import hashlib
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from fleet_backend.fleet.chains import Chain
from protocol import command, cose, grant, presentation, request
from protocol import rsa as protocol_rsa

PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)


class Party:
    """Who holds an RSA key."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        numbers = self.key.public_key().public_numbers()
        self.modulus = numbers.n.to_bytes(256, "big")
        self.spki = protocol_rsa.spki(self.modulus)
        self.thumbprint = hashlib.sha256(self.spki).digest()

    @property
    def pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def seal(self, message: bytes, payload: bytes) -> bytes:
        signature = self.key.sign(message, PSS, hashes.SHA256())
        return cose.assemble(cose.PS256, payload, signature)

    def grant(self, given: grant.Grant) -> bytes:
        payload = grant.encode(given)
        return self.seal(grant.signed_message(payload), payload)

    def ask(self, asked: request.GrantRequest) -> bytes:
        payload = request.encode_grant_request(asked)
        return self.seal(request.grant_request_message(payload), payload)

    def register(self, time: int) -> bytes:
        payload = request.encode_registration(time)
        return self.seal(request.registration_message(payload), payload)

    def command(self, asked: command.Command) -> bytes:
        payload = command.encode(asked)
        return self.seal(command.signed_message(payload), payload)


@functools.cache
def party(name: str) -> Party:
    """One key a name and test run: making one takes a tenth of a second."""
    return Party()


def delegation(
    vehicle: str,
    now: int,
    owner: str = "owner",
    issuer: str = "issuer",
    actions: int = 3,
    max_grant_s: int = 3600,
    generation: int = 0,
) -> Chain:
    """An owner's chain of one grant to the issuer, in force for a day around `now`."""
    given = grant.Grant(
        vehicle,
        party(issuer).thumbprint,
        actions | grant.DELEGATE,
        now - 43_200,
        now + 43_200,
        generation,
        os.urandom(16),
        {grant.MAX_SPEED_MMPS: 7_000, grant.MAX_GRANT_S: max_grant_s},
    )
    return Chain((party(owner).grant(given),), (party(owner).modulus,))


def ask(
    vehicle: str,
    now: int,
    rider: str = "rider",
    actions: int = 3,
    duration_s: int = 900,
    nonce: bytes | None = None,
    codes: list[bytes] | None = None,
) -> bytes:
    """A rider's signed request for a grant."""
    nonce = nonce or os.urandom(16)
    asked = request.GrantRequest(vehicle, actions, duration_s, nonce, now, codes)
    return party(rider).ask(asked)


def present(
    vehicle: str,
    grants: list[bytes],
    keys: list[bytes],
    rider: str = "rider",
    action: int = command.UNLOCK,
    challenge: bytes | None = None,
    args: dict[int, object] | None = None,
) -> bytes:
    """A presentation; `keys` without the rider's own, which is put last."""
    grant_id = presentation.SignedGrant(grants[-1]).grant.grant_id if grants else b""
    asked = command.Command(vehicle, challenge or os.urandom(16), action, args or {}, grant_id)
    return presentation.encode(grants, [*keys, party(rider).modulus], party(rider).command(asked))
