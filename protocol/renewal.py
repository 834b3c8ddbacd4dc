"""Renewal of a gateway's certificate: asked under its statement key, checked by its own authority.

docs/protocol.md section 15. The answer needs no seal: a certificate that the gateway's authority
signed for the gateway's own key and name is good whoever brings it.
"""

from protocol import cbor, cose, fields
from protocol.enrolment import MAX_CERTIFICATE, MAX_CHAIN, MAX_CSR, MAX_REQUEST, NONCE_BYTES
from protocol.errors import DecodeError, VerifyError

AAD = b"trifleet/renewal-request/v1"


class Renewal:
    """What a gateway asks: another certificate, for the key in `csr`."""

    def __init__(self, gateway: str, csr: bytes, nonce: bytes, time: int) -> None:
        self.gateway = gateway
        self.csr = csr
        self.nonce = nonce
        self.time = time


def encode(renewal: Renewal, sign) -> bytes:  # type: ignore[no-untyped-def]
    """Sign a request. `sign(message) -> 64 bytes` is the gateway's Ed25519."""
    payload = cbor.encode(
        [fields.VERSION, renewal.gateway, renewal.csr, renewal.nonce, renewal.time]
    )
    return cose.assemble(cose.EDDSA, payload, sign(cose.sign1_message(cose.EDDSA, AAD, payload)))


def decode_unverified(data: bytes) -> Renewal:
    """Read a request without the gateway's key. Raises DecodeError."""
    if len(data) > MAX_REQUEST:
        raise DecodeError("too-large", str(len(data)))
    payload, signature = cose.split(data, cose.EDDSA, "renewal")
    fields.octets(signature, "renewal.signature", 64)
    value = fields.array(cbor.decode(payload), "renewal", 5)
    fields.version(value[0], "renewal.version")
    return Renewal(
        fields.identifier(value[1], "renewal.gateway"),
        _opaque(value[2], "renewal.csr", MAX_CSR),
        fields.octets(value[3], "renewal.nonce", NONCE_BYTES),
        fields.uint(value[4], "renewal.time", fields.MAX_TIME),
    )


def open_renewal(data: bytes, verify) -> Renewal:  # type: ignore[no-untyped-def]
    """Read and verify. `verify(message, signature) -> bool`. Raises DecodeError or VerifyError."""
    renewal = decode_unverified(data)
    payload, signature = cose.split(data, cose.EDDSA, "renewal")
    if not verify(cose.sign1_message(cose.EDDSA, AAD, payload), signature):
        raise VerifyError("renewal-signature")
    return renewal


def encode_answer(nonce: bytes, chain: list[bytes]) -> bytes:
    """The gateway's certificate first."""
    return cbor.encode([fields.VERSION, nonce, list(chain)])


def decode_answer(data: bytes) -> tuple[bytes, list[bytes]]:
    """(nonce, certificates), of which nothing is verified. Raises DecodeError."""
    value = fields.array(cbor.decode(data), "renewed", 3)
    fields.version(value[0], "renewed.version")
    chain = fields.array(value[2], "renewed.chain")
    if not 1 <= len(chain) <= MAX_CHAIN:
        raise DecodeError("field", "renewed.chain")
    nonce = fields.octets(value[1], "renewed.nonce", NONCE_BYTES)
    return nonce, [_opaque(item, "renewed.chain", MAX_CERTIFICATE) for item in chain]


def _opaque(value: object, where: str, most: int) -> bytes:
    found = fields.octets(value, where)
    if not 1 <= len(found) <= most:
        raise DecodeError("field", where)
    return found
