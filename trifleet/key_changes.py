"""From a gateway's key that is known to the one that signs a later statement of it, by receipts.

Each receipt is of a statement that changed the key (event KEY_CHANGED): the old key signs that the
new one follows, the new one that somebody holds it, and the log that both were said. Pure.
"""

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol import keychange, statement
from protocol.errors import VerifyError
from trifleet.receipt import Receipt


def follow(known: bytes, changes: Sequence[Receipt], gateway: str, seq: int) -> bytes:
    """The key that has to sign statement `seq`: `known`, or what the changes before it lead to.

    Raises DecodeError, VerifyError: a change of another gateway, or one that does not continue.
    """
    key = known
    for change in sorted(changes, key=lambda one: one.gateway_seq):
        new = new_key(change)
        if change.gateway != gateway:
            raise VerifyError("key-change-of-another")
        if change.gateway_key != key:
            raise VerifyError("key-change-gap")
        if change.gateway_seq >= seq:
            break
        key = new
    return key


def new_key(change: Receipt) -> bytes:
    """What a verified receipt brings in. Raises DecodeError, VerifyError."""
    if change.kind != statement.KINDS[statement.GATEWAY]:
        raise VerifyError("no-key-change")
    event, text = statement.decode_gateway_event(change.body)
    if event != statement.KEY_CHANGED:
        raise VerifyError("no-key-change")
    place = keychange.Place(change.gateway, change.gateway_seq, change.prev_hash)
    return keychange.open_change(place, change.gateway_key, text, _verify)


def _verify(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
