"""Acknowledgements: what the backend holds durably; signed, for a forged one would lose data.

Version 2 also names a key that the gateway replaced and that somebody signs with all the same.
"""

from protocol import cbor, cose, fields
from protocol.errors import DecodeError, VerifyError

AAD = b"trifleet/ack/v1"
MAX_RANGES = 256
VERSION_2 = 2


class Ack:
    """Sequence numbers of one gateway's statements as (first, last) ranges.

    `replaced`: a public key of the gateway that is none any more, 32 bytes, or empty. What it signs
    beyond its end is refused and never acknowledged: who holds it now may be a thief.
    """

    def __init__(
        self,
        gateway: str,
        accepted: list[tuple[int, int]],
        refused: list[tuple[int, int]],
        replaced: bytes = b"",
    ) -> None:
        self.gateway = gateway
        self.accepted = accepted
        self.refused = refused
        self.replaced = replaced


def encode(ack: Ack, sign) -> bytes:  # type: ignore[no-untyped-def]
    """Sign an acknowledgement. `sign(message) -> 64 bytes` is the ingest's Ed25519."""
    value: list[object] = [fields.VERSION, ack.gateway, ack.accepted, ack.refused]
    if ack.replaced:
        value[0] = VERSION_2
        value.append(ack.replaced)
    payload = cbor.encode(value)
    return cose.assemble(cose.EDDSA, payload, sign(cose.sign1_message(cose.EDDSA, AAD, payload)))


def open_ack(data: bytes, verify) -> Ack:  # type: ignore[no-untyped-def]
    """Read and verify. `verify(message, signature) -> bool`. Raises DecodeError or VerifyError."""
    payload, signature = cose.split(data, cose.EDDSA, "ack")
    fields.octets(signature, "ack.signature", 64)
    if not verify(cose.sign1_message(cose.EDDSA, AAD, payload), signature):
        raise VerifyError("ack-signature")
    value = fields.array(cbor.decode(payload), "ack")
    if not value:
        raise DecodeError("field", "ack")
    names_key = fields.uint(value[0], "ack.version") == VERSION_2
    if not names_key:
        fields.version(value[0], "ack.version")
    fields.array(value, "ack", 5 if names_key else 4)
    return Ack(
        fields.identifier(value[1], "ack.gateway"),
        _ranges(value[2], "ack.accepted"),
        _ranges(value[3], "ack.refused"),
        fields.octets(value[4], "ack.replaced", 32) if names_key else b"",
    )


def to_ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """The shortest ascending list of (first, last) that covers exactly `numbers`."""
    out: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if out and number == out[-1][1] + 1:
            out[-1] = (out[-1][0], number)
        else:
            out.append((number, number))
    return out


def _ranges(value: object, where: str) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    last = -1
    items = fields.array(value, where)
    if len(items) > MAX_RANGES:
        raise DecodeError("field", where)
    for item in items:
        pair = fields.array(item, where, 2)
        first = fields.uint(pair[0], where)
        if first <= last:
            raise DecodeError("field", where)
        last = fields.uint(pair[1], where)
        if last < first:
            raise DecodeError("field", where)
        out.append((first, last))
    return out
