"""Renewal of a gateway's certificate: asked under its statement key, checked by its own authority.

docs/protocol.md section 15. The answer needs no seal: a certificate that the gateway's authority
signed for the gateway's own key and name is good whoever brings it.
"""

from collections import namedtuple

from protocol import cbor, cose, fields
from protocol.enrolment import MAX_CERTIFICATE, MAX_CHAIN, MAX_CSR, MAX_REQUEST, NONCE_BYTES
from protocol.errors import DecodeError, VerifyError

AAD = b"trifleet/renewal-request/v1"
MAX_ROOTS = 2
MAX_HELD = 4
_VERSION_2 = 2

# DER; `roots` is empty in version 1, else the one that signs comes first. `link` is empty, or the
# newest root's key signed by the root before it.
Answer = namedtuple("Answer", ("nonce", "chain", "roots", "link"))


class Renewal:
    """What a gateway asks: another certificate, for the key in `csr`.

    Version 2 also says which roots it holds (SHA-256 of each); its csr may be empty, then it asks
    which are trusted and nothing else. `held` is None in version 1.
    """

    def __init__(
        self, gateway: str, csr: bytes, nonce: bytes, time: int, held: list[bytes] | None = None
    ) -> None:
        self.gateway = gateway
        self.csr = csr
        self.nonce = nonce
        self.time = time
        self.held = held


def encode(renewal: Renewal, sign) -> bytes:  # type: ignore[no-untyped-def]
    """Sign a request. `sign(message) -> 64 bytes` is the gateway's Ed25519."""
    value: list[object] = [
        fields.VERSION, renewal.gateway, renewal.csr, renewal.nonce, renewal.time,
    ]  # fmt: skip
    if renewal.held is not None:
        value[0] = _VERSION_2
        value.append(renewal.held)
    payload = cbor.encode(value)
    return cose.assemble(cose.EDDSA, payload, sign(cose.sign1_message(cose.EDDSA, AAD, payload)))


def decode_unverified(data: bytes) -> Renewal:
    """Read a request without the gateway's key. Raises DecodeError."""
    if len(data) > MAX_REQUEST:
        raise DecodeError("too-large", str(len(data)))
    payload, signature = cose.split(data, cose.EDDSA, "renewal")
    fields.octets(signature, "renewal.signature", 64)
    value, says_held = _versioned(cbor.decode(payload), "renewal", 5, 6)
    csr = fields.octets(value[2], "renewal.csr")
    if csr or not says_held:
        csr = _opaque(csr, "renewal.csr", MAX_CSR)
    return Renewal(
        fields.identifier(value[1], "renewal.gateway"),
        csr,
        fields.octets(value[3], "renewal.nonce", NONCE_BYTES),
        fields.uint(value[4], "renewal.time", fields.MAX_TIME),
        _held(value[5]) if says_held else None,
    )


def open_renewal(data: bytes, verify) -> Renewal:  # type: ignore[no-untyped-def]
    """Read and verify. `verify(message, signature) -> bool`. Raises DecodeError or VerifyError."""
    renewal = decode_unverified(data)
    payload, signature = cose.split(data, cose.EDDSA, "renewal")
    if not verify(cose.sign1_message(cose.EDDSA, AAD, payload), signature):
        raise VerifyError("renewal-signature")
    return renewal


def encode_answer(
    nonce: bytes, chain: list[bytes], roots: list[bytes] | None = None, link: bytes = b""
) -> bytes:
    """The gateway's certificate first in `chain`. With `roots`, the one that signs first: version
    2, whose chain may be empty."""
    if roots is None:
        return cbor.encode([fields.VERSION, nonce, list(chain)])
    return cbor.encode([_VERSION_2, nonce, list(chain), list(roots), link])


def decode_answer(data: bytes) -> Answer:
    """Nothing of it is verified. Raises DecodeError."""
    value, says_roots = _versioned(cbor.decode(data), "renewed", 3, 5)
    nonce = fields.octets(value[1], "renewed.nonce", NONCE_BYTES)
    chain = _documents(value[2], "renewed.chain", 0 if says_roots else 1, MAX_CHAIN)
    if not says_roots:
        return Answer(nonce, chain, [], b"")
    link = fields.octets(value[4], "renewed.link")
    if len(link) > MAX_CERTIFICATE:
        raise DecodeError("field", "renewed.link")
    return Answer(nonce, chain, _documents(value[3], "renewed.roots", 1, MAX_ROOTS), link)


def _versioned(value: object, where: str, first: int, second: int) -> tuple[list, bool]:  # type: ignore[type-arg]
    """(items, is it version 2), with as many items as the version has."""
    items = fields.array(value, where)
    if not items:
        raise DecodeError("field", where)
    if len(items) == second and fields.uint(items[0], where + ".version") == _VERSION_2:
        return items, True
    fields.version(items[0], where + ".version")
    return fields.array(items, where, first), False


def _held(value: object) -> list[bytes]:
    items = fields.array(value, "renewal.held")
    if len(items) > MAX_HELD:
        raise DecodeError("field", "renewal.held")
    return [fields.octets(item, "renewal.held", 32) for item in items]


def _documents(value: object, where: str, fewest: int, most: int) -> list[bytes]:
    items = fields.array(value, where)
    if not fewest <= len(items) <= most:
        raise DecodeError("field", where)
    return [_opaque(item, where, MAX_CERTIFICATE) for item in items]


def _opaque(value: object, where: str, most: int) -> bytes:
    found = fields.octets(value, where)
    if not 1 <= len(found) <= most:
        raise DecodeError("field", where)
    return found
