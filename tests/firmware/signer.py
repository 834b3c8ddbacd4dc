"""Owner, issuer and rider with real RSA keys, made by `cryptography`: signs what tests need."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from vcu_bench import NOW_S, VEHICLE

from protocol import command, cose, grant, presentation
from protocol import rsa as rsa_check

DAY_S = 86_400
EVERYTHING = grant.GRANTABLE


@cache
def _key(name: str, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


class Party:
    """One key, drawn once a test run."""

    def __init__(self, name: str, bits: int = 2048) -> None:
        self._key = _key(name, bits)
        size = bits // 8
        self.modulus = self._key.public_key().public_numbers().n.to_bytes(size, "big")
        self.thumbprint = rsa_check.thumbprint(self.modulus)

    def sign(self, message: bytes) -> bytes:
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        return self._key.sign(message, pss, hashes.SHA256())

    def grant(self, holder: Party, **changes: object) -> bytes:
        values: dict[str, object] = {
            "vehicle": VEHICLE,
            "holder": holder.thumbprint,
            "actions": EVERYTHING,
            "not_before": NOW_S - 60,
            "not_after": NOW_S + DAY_S,
            "generation": 0,
            "grant_id": bytes(16),
            "limits": {},
        }
        values.update(changes)
        payload = grant.encode(grant.Grant(**values))  # type: ignore[arg-type]
        return cose.assemble(cose.PS256, payload, self.sign(grant.signed_message(payload)))

    def command(
        self,
        challenge: bytes,
        action: int = command.UNLOCK,
        args: dict[int, object] | None = None,
        grant_id: bytes = b"",
        vehicle: str = VEHICLE,
    ) -> bytes:
        asked = command.Command(vehicle, challenge, action, args or {}, grant_id)
        payload = command.encode(asked)
        return cose.assemble(cose.PS256, payload, self.sign(command.signed_message(payload)))


OWNER = Party("owner")
ISSUER = Party("issuer")
RIDER = Party("rider")
STRANGER = Party("stranger")
ISSUER_ID = b"issuer-grant-001"
RIDER_ID = b"rider-grant-0001"


def by_owner(challenge: bytes, action: int = command.UNLOCK, args=None, signer=OWNER) -> bytes:  # type: ignore[no-untyped-def]
    """The owner commands the vehicle herself."""
    return presentation.encode([], [OWNER.modulus], signer.command(challenge, action, args))


def by_rider(challenge: bytes, action: int = command.UNLOCK, args=None, **changes) -> bytes:  # type: ignore[no-untyped-def]
    """Owner -> rider, one grant; `changes` are those of the grant."""
    changes.setdefault("grant_id", RIDER_ID)
    given = OWNER.grant(RIDER, **changes)
    signed = RIDER.command(challenge, action, args, changes["grant_id"])
    return presentation.encode([given], [OWNER.modulus, RIDER.modulus], signed)


def by_booking(  # type: ignore[no-untyped-def]
    challenge: bytes, action: int = command.UNLOCK, rider=RIDER, delegation=None, **changes
) -> bytes:
    """Owner -> issuer -> rider: what a booking looks like, three signatures."""
    delegation = OWNER.grant(ISSUER, grant_id=ISSUER_ID, **(delegation or {}))
    wishes = {"grant_id": RIDER_ID, "actions": EVERYTHING & ~grant.DELEGATE, **changes}
    given = ISSUER.grant(RIDER, **wishes)
    signed = rider.command(challenge, action, None, wishes["grant_id"])
    keys = [OWNER.modulus, ISSUER.modulus, RIDER.modulus]
    return presentation.encode([delegation, given], keys, signed)
