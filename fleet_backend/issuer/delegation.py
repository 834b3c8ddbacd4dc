"""The owner's signed delegation to this issuer, verified up to the owner that is registered.

Pure. Refuses a chain in which any link is missing, late, wider than the one above, or badly signed.
"""

from dataclasses import dataclass
from itertools import pairwise

from protocol import cbor, fields, grant, rsa
from protocol.errors import DecodeError
from protocol.presentation import SignedGrant

from .errors import DelegationError

# The grant that is issued is the last of a chain of three (docs/protocol.md section 3).
MAX_LINKS = grant.MAX_CHAIN - 1


@dataclass(frozen=True)
class Delegation:
    """A chain that was verified: the signed grants and all keys from the owner to the issuer."""

    grants: tuple[bytes, ...]
    keys: tuple[bytes, ...]
    last: grant.Grant

    def chain_with(self, sign1: bytes) -> bytes:
        """What is handed out: the delegation and the new grant, with the keys that signed them."""
        return encode_chain([*self.grants, sign1], list(self.keys))


def encode_chain(grants: list[bytes], keys: list[bytes]) -> bytes:
    """`[[grant, ...], [key, ...]]` from the owner downwards."""
    return cbor.encode([grants, keys])


def open_delegation(
    chain: bytes, vehicle: str, owner: bytes, issuer: bytes, now: int
) -> Delegation:
    """Verify `chain` for `vehicle`, from the owner's thumbprint to the issuer's.

    Raises DelegationError.
    """
    signed, keys = _decode(chain)
    if rsa.thumbprint(keys[0]) != owner:
        raise DelegationError("delegation-owner")
    for link, holder in zip(signed, keys[1:], strict=True):
        _check_link(link.grant, vehicle, holder, now)
    if signed[-1].grant.holder != issuer:
        raise DelegationError("delegation-holder")
    for parent, child in pairwise(signed):
        if not grant.is_narrower(child.grant, parent.grant):
            raise DelegationError("delegation-widened")
    for link, signer in zip(signed, keys, strict=False):
        if not rsa.verify(signer, grant.signed_message(link.payload), link.signature):
            raise DelegationError("delegation-signature")
    return Delegation(tuple(link.sign1 for link in signed), tuple(keys), signed[-1].grant)


def _check_link(link: grant.Grant, vehicle: str, holder: bytes, now: int) -> None:
    if link.vehicle != vehicle:
        raise DelegationError("delegation-vehicle")
    if rsa.thumbprint(holder) != link.holder:
        raise DelegationError("delegation-holder")
    if not link.actions & grant.DELEGATE:
        raise DelegationError("delegation-actions")
    if not link.not_before <= now < link.not_after:
        raise DelegationError("delegation-time")


def _decode(chain: bytes) -> tuple[list[SignedGrant], list[bytes]]:
    try:
        grants, keys = fields.array(cbor.decode(chain), "delegation", 2)
        signed = [
            SignedGrant(fields.octets(item, "delegation.grants"))
            for item in fields.array(grants, "delegation.grants")
        ]
        moduli = [fields.octets(key, "delegation.keys") for key in fields.array(keys, "keys")]
    except DecodeError as error:
        raise DelegationError("delegation-malformed") from error
    whole = 1 <= len(signed) <= MAX_LINKS and len(moduli) == len(signed) + 1
    if not whole or not all(rsa.is_modulus(key) for key in moduli):
        raise DelegationError("delegation-malformed")
    return signed, moduli
