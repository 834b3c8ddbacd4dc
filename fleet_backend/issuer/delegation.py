"""The owner's signed delegation to this issuer, verified up to the owner that is registered.

Pure. Refuses a chain in which any link is missing, late, wider than the one above, or badly signed.
"""

from dataclasses import dataclass
from itertools import pairwise

from fleet_backend.fleet.chains import Chain
from protocol import grant, rsa
from protocol.errors import DecodeError
from protocol.presentation import SignedGrant

from .errors import DelegationError

# The grant that is issued is the last of a chain of three (docs/protocol.md section 3).
MAX_LINKS = grant.MAX_CHAIN - 1


@dataclass(frozen=True)
class Delegation:
    """A chain that was verified: the signed grants, and all keys from the owner to the issuer."""

    grants: tuple[bytes, ...]
    keys: tuple[bytes, ...]
    last: grant.Grant

    def chain_with(self, sign1: bytes) -> Chain:
        """What is handed out: the delegation and the new grant, with the keys that signed them."""
        return Chain((*self.grants, sign1), self.keys)


def open_delegation(
    chain: Chain, vehicle: str, owner: bytes, issuer: bytes, now: int
) -> Delegation:
    """Verify `chain` for `vehicle` from the owner's thumbprint to the issuer's own modulus.

    Raises DelegationError.
    """
    signed = _decode(chain)
    # The chain's keys sign its grants; the issuer's own may stand at the end.
    signers, rest = chain.keys[: len(signed)], chain.keys[len(signed) :]
    if rsa.thumbprint(signers[0]) != owner:
        raise DelegationError("delegation-owner")
    if rest not in ((), (issuer,)):
        raise DelegationError("delegation-holder")
    keys = (*signers, issuer)
    for link, holder in zip(signed, keys[1:], strict=True):
        _check_link(link.grant, vehicle, holder, now)
    for parent, child in pairwise(signed):
        if not grant.is_narrower(child.grant, parent.grant):
            raise DelegationError("delegation-widened")
    for link, signer in zip(signed, signers, strict=True):
        if not rsa.verify(signer, grant.signed_message(link.payload), link.signature):
            raise DelegationError("delegation-signature")
    return Delegation(chain.grants, keys, signed[-1].grant)


def _check_link(link: grant.Grant, vehicle: str, holder: bytes, now: int) -> None:
    if link.vehicle != vehicle:
        raise DelegationError("delegation-vehicle")
    if rsa.thumbprint(holder) != link.holder:
        raise DelegationError("delegation-holder")
    if not link.actions & grant.DELEGATE:
        raise DelegationError("delegation-actions")
    if not link.not_before <= now < link.not_after:
        raise DelegationError("delegation-time")


def _decode(chain: Chain) -> list[SignedGrant]:
    whole = 1 <= len(chain.grants) <= MAX_LINKS and len(chain.keys) >= len(chain.grants)
    if not whole or not all(rsa.is_modulus(key) for key in chain.keys):
        raise DelegationError("delegation-malformed")
    try:
        return [SignedGrant(item) for item in chain.grants]
    except DecodeError as error:
        raise DelegationError("delegation-malformed") from error
