"""Acknowledgements: what the backend holds durably; signed, for a forged one would lose data."""

from protocol import cbor, cose, fields
from protocol.errors import DecodeError, VerifyError

AAD = b"trifleet/ack/v1"
MAX_RANGES = 256


class Ack:
    """Sequence numbers of one gateway's statements as (first, last) ranges."""

    def __init__(
        self, gateway: str, accepted: list[tuple[int, int]], refused: list[tuple[int, int]]
    ) -> None:
        self.gateway = gateway
        self.accepted = accepted
        self.refused = refused


def encode(ack: Ack, sign) -> bytes:  # type: ignore[no-untyped-def]
    """Sign an acknowledgement. `sign(message) -> 64 bytes` is the ingest's Ed25519."""
    payload = cbor.encode([fields.VERSION, ack.gateway, ack.accepted, ack.refused])
    return cose.assemble(cose.EDDSA, payload, sign(cose.sign1_message(cose.EDDSA, AAD, payload)))


def open_ack(data: bytes, verify) -> Ack:  # type: ignore[no-untyped-def]
    """Read and verify. `verify(message, signature) -> bool`. Raises DecodeError or VerifyError."""
    payload, signature = cose.split(data, cose.EDDSA, "ack")
    fields.octets(signature, "ack.signature", 64)
    if not verify(cose.sign1_message(cose.EDDSA, AAD, payload), signature):
        raise VerifyError("ack-signature")
    value = fields.array(cbor.decode(payload), "ack", 4)
    fields.version(value[0], "ack.version")
    return Ack(
        fields.identifier(value[1], "ack.gateway"),
        _ranges(value[2], "ack.accepted"),
        _ranges(value[3], "ack.refused"),
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
