"""Who commands a vehicle at the bench: its owner, or a mechanic to whom she gave a grant.

A grant is a file, no secret: the chain from the owner down, and the moduli of its keys.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fleet_backend.fleet import keys
from fleet_backend.fleet.chains import Chain, decode, encode
from fleet_backend.fleet.errors import DatabaseError
from protocol import command, cose, grant, presentation
from protocol.errors import DecodeError
from trifleet.errors import UsageError

MOST_GRANT_BYTES = 16_384
# Clocks of vehicles and workshops differ.
EARLIER_S = 300
ACTIONS = {
    name.lower().replace("_", "-"): number
    for number, name in command.NAMES.items()
    if grant.GRANTABLE & 1 << (number - 1)
}


# The owner's own key needs no grant.
OWNER = Chain((), ())


@dataclass(frozen=True)
class Permission:
    """A private key, and what makes a vehicle listen to it."""

    key: RSAPrivateKey = field(repr=False)
    chain: Chain = OWNER

    def sign(self, vehicle: str, challenge: bytes, action: int, args: dict[int, object]) -> bytes:
        """The presentation of one command (docs/protocol.md section 5). The vehicle decides."""
        asked = command.encode(
            command.Command(vehicle, challenge, action, args, self._grant_id(vehicle))
        )
        signature = keys.sign_ps256(self.key, command.signed_message(asked))
        signed = cose.assemble(cose.PS256, asked, signature)
        return presentation.encode(
            list(self.chain.grants), [*self.chain.keys, keys.modulus(self.key)], signed
        )

    def _grant_id(self, vehicle: str) -> bytes:
        """Raises UsageError where the grant is for another vehicle or another key."""
        if not self.chain.grants:
            return b""
        last = granted(self.chain)
        if last.vehicle != vehicle:
            raise UsageError(f"the grant is for {last.vehicle}; this is {vehicle}")
        if last.holder != keys.thumbprint(self.key):
            raise UsageError("the grant was given to another key")
        return last.grant_id


def open_permission(key: Path, grant_file: Path | None) -> Permission:
    """Raises KeyFileError, UsageError. Without a grant the key must be the owner's."""
    return Permission(keys.load_rsa(key), read_grant(grant_file) if grant_file else OWNER)


def read_grant(path: Path) -> Chain:
    """Raises UsageError for what is no grant."""
    try:
        with path.open("rb") as file:
            chain = decode(file.read(MOST_GRANT_BYTES))
        if not chain.grants or len(chain.grants) != len(chain.keys):
            raise DecodeError("field", "chain")
        granted(chain)
    except (DatabaseError, DecodeError) as error:
        raise UsageError(f"{path}: not a grant: {error}") from error
    return chain


def granted(chain: Chain) -> grant.Grant:
    """The last grant of a chain. Raises DecodeError."""
    return presentation.SignedGrant(chain.grants[-1]).grant


def give(
    owner: RSAPrivateKey,
    holder: bytes,
    vehicle: str,
    actions: Sequence[str],
    begin: int,
    end: int,
    generation: int = 0,
) -> bytes:
    """The file of a grant by the owner herself, for the key with this thumbprint. Raises UsageError
    for an action that is none, DecodeError for what no vehicle would take."""
    unknown = sorted(set(actions) - set(ACTIONS))
    if unknown or not actions:
        known = ", ".join(ACTIONS)
        raise UsageError(f"no action {', '.join(unknown) or 'is named'}: there are {known}")
    bits = sum(1 << (ACTIONS[name] - 1) for name in set(actions))
    number = secrets.token_bytes(command.ID_BYTES)
    payload = grant.encode(
        grant.Grant(vehicle, holder, bits, begin - EARLIER_S, end, generation, number, {})
    )
    grant.decode(payload)
    signature = keys.sign_ps256(owner, grant.signed_message(payload))
    signed = cose.assemble(cose.PS256, payload, signature)
    return encode(Chain((signed,), (keys.modulus(owner),)))


def public_pem(key: RSAPrivateKey) -> bytes:
    """The public key as a file to give away."""
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
