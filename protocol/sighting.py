"""Sightings: what a gateway last accepted of a transparency log, and what it refused beside that.

docs/protocol.md section 10. Notes are opaque here: who has the log's key reads and judges them.
"""

from protocol import cbor, cose, fields
from protocol.errors import DecodeError, VerifyError

AAD = b"trifleet/sighting/v1"
# Two of them with a proof fit a document; a note with eight ML-DSA-44 cosignatures has 28,000.
MAX_NOTE = 30_000
HASH_BYTES = 32
MAX_HASHES = 64


class Sighting:
    """`held` is empty where nothing was accepted yet, `refused` where nothing contradicts it.

    `proof` is what came with `refused` and did not lead from `held` to it.
    """

    def __init__(
        self,
        gateway: str,
        time: int,
        origin: str,
        held: bytes,
        refused: bytes = b"",
        proof: list[bytes] | tuple[bytes, ...] = (),
    ) -> None:
        self.gateway = gateway
        self.time = time
        self.origin = origin
        self.held = held
        self.refused = refused
        self.proof = proof


def encode(sighting: Sighting, sign) -> bytes:  # type: ignore[no-untyped-def]
    """Sign a sighting. `sign(message) -> 64 bytes` is the gateway's Ed25519."""
    payload = cbor.encode(
        [
            fields.VERSION,
            sighting.gateway,
            sighting.time,
            sighting.origin,
            sighting.held,
            sighting.refused,
            list(sighting.proof),
        ]
    )
    return cose.assemble(cose.EDDSA, payload, sign(cose.sign1_message(cose.EDDSA, AAD, payload)))


def open_sighting(data: bytes, verify) -> Sighting:  # type: ignore[no-untyped-def]
    """Read and verify. `verify(message, signature) -> bool`. Raises DecodeError or VerifyError."""
    payload, signature = cose.split(data, cose.EDDSA, "sighting")
    fields.octets(signature, "sighting.signature", 64)
    if not verify(cose.sign1_message(cose.EDDSA, AAD, payload), signature):
        raise VerifyError("sighting-signature")
    value = fields.array(cbor.decode(payload), "sighting", 7)
    fields.version(value[0], "sighting.version")
    found = Sighting(
        fields.identifier(value[1], "sighting.gateway"),
        fields.uint(value[2], "sighting.time", fields.MAX_TIME),
        origin(value[3], "sighting.origin"),
        note(value[4], "sighting.held"),
        note(value[5], "sighting.refused"),
        hashes(value[6], "sighting.proof"),
    )
    # Nothing can contradict nothing, and a proof goes with what it was to prove.
    if (found.refused and not found.held) or (found.proof and not found.refused):
        raise DecodeError("field", "sighting.refused")
    return found


def origin(value: object, where: str) -> str:
    """The name of a log."""
    if not fields.text(value, where):
        raise DecodeError("field", where)
    return str(value)


def note(value: object, where: str) -> bytes:
    """A signed note, or nothing; whether it is one is for who has the log's key."""
    found = fields.octets(value, where)
    if len(found) > MAX_NOTE:
        raise DecodeError("field", where)
    return found


def hashes(value: object, where: str) -> list[bytes]:
    """The hashes of a proof."""
    items = fields.array(value, where)
    if len(items) > MAX_HASHES:
        raise DecodeError("field", where)
    return [fields.octets(item, where, HASH_BYTES) for item in items]
