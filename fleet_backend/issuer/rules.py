"""What the issuer signs: the one decision, pure.

Nothing is granted unless the rider signed the request just now, once, and the owner's delegation
reaches this issuer and allows all of it. Refusals are values, because they are answers.
"""

from collections.abc import Collection
from dataclasses import dataclass

from fleet_backend.fleet.chains import Chain
from protocol import command, cose, fields, grant, request, rsa
from protocol.errors import DecodeError

from .delegation import Delegation, open_delegation
from .errors import DelegationError

FRESH_S = 120
# A grant begins this much before now: the vehicle's clock may be a little behind ours.
BACKDATE_S = 5
# A rider unlocks and locks, and may leave codes of his own on the vehicle. DELEGATE and what else
# changes the vehicle's memory stay with the owner.
RIDER_ACTIONS = (
    1 << (command.UNLOCK - 1) | 1 << (command.LOCK - 1) | 1 << (command.DEPOSIT_CODES - 1)
)


@dataclass(frozen=True)
class Refusal:
    """Why nothing is issued: a stable name that the rider is shown."""

    reason: str


@dataclass(frozen=True)
class Decision:
    """A grant that may be signed, below this delegation."""

    grant: grant.Grant
    delegation: Delegation


@dataclass(frozen=True)
class Case:
    """Everything that a decision looks at. `now` is Unix time."""

    rider: bytes  # modulus of the key that is said to have signed
    owner: bytes  # thumbprint that is registered for the vehicle
    chain: Chain | None  # the owner's delegation, if there is one
    issuer: bytes  # modulus of the issuing key
    seen: Collection[bytes]  # nonces of this rider's other requests
    now: int
    grant_id: bytes


def read_request(data: bytes) -> tuple[request.GrantRequest, bytes, bytes]:
    """(unverified request, its payload, signature). Raises DecodeError."""
    payload, signature = cose.split(data, cose.PS256, "grant-request")
    return request.decode_grant_request(payload), payload, signature


def is_fresh(signed_at: int, now: int) -> bool:
    """Was it signed within two minutes of now, either way?"""
    return abs(now - signed_at) <= FRESH_S


def decide(data: bytes, case: Case) -> Decision | Refusal:
    """The grant to sign for the request `data`, or why there is none."""
    try:
        asked, payload, signature = read_request(data)
    except DecodeError:
        return Refusal("malformed")
    if not rsa.verify(case.rider, request.grant_request_message(payload), signature):
        return Refusal("signature")
    if not is_fresh(asked.time, case.now):
        return Refusal("stale")
    if asked.nonce in case.seen:
        return Refusal("nonce")
    if not asked.actions or asked.actions & ~RIDER_ACTIONS:
        return Refusal("actions")
    if asked.codes and not grant.may_have_codes(asked.actions):
        return Refusal("codes")
    if case.chain is None:
        return Refusal("no-delegation")
    try:
        delegation = open_delegation(case.chain, asked.vehicle, case.owner, case.issuer, case.now)
    except DelegationError as error:
        return Refusal(error.reason)
    return _narrow(asked, delegation, case)


def _narrow(asked: request.GrantRequest, delegation: Delegation, case: Case) -> Decision | Refusal:
    parent = delegation.last
    if asked.actions & ~parent.actions:
        return Refusal("actions")
    not_before = max(case.now - BACKDATE_S, parent.not_before)
    not_after = not_before + asked.duration_s
    longest = parent.limits.get(grant.MAX_GRANT_S, fields.MAX_TIME)
    if not case.now < not_after <= parent.not_after or asked.duration_s > longest:
        return Refusal("duration")
    given = grant.Grant(
        asked.vehicle,
        rsa.thumbprint(case.rider),
        asked.actions,
        not_before,
        not_after,
        parent.generation,
        case.grant_id,
        dict(parent.limits),
        asked.codes,  # hashes that the rider signed; the codes themselves stay with him
    )
    # The vehicle's own rule has the last word: what it would call widened is never signed.
    return Decision(given, delegation) if grant.is_narrower(given, parent) else Refusal("widened")
