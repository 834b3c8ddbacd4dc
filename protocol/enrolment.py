"""Enrolment of a gateway: the one-time code, the request that it seals, and the answer.

docs/protocol.md section 14. Whoever has the code and the registrar believe each other by it alone,
whatever carries their words; certificates and their requests are opaque bytes here.
"""

import hashlib

from protocol import cbor, cose, fields, mac
from protocol.errors import DecodeError, EncodeError, VerifyError

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# Read as what they are taken for.
_ALIKE = {"o": "0", "i": "1", "l": "1"}
CODE_LETTERS = 25
CODE_RANDOM = 24  # of 5 bits each; the last letter is the check
GROUP = 5

INVITATION_BYTES = 16
NONCE_BYTES = 16
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
TAG_BYTES = 32
MAX_CSR = 2048
MAX_REQUEST = 4096
MAX_CERTIFICATE = 4096
MAX_CHAIN = 4
MAX_LOGS = 16
MAX_VEHICLES = 16
_FOR_NOTARY = 2  # version of an answer without vehicles

REQUEST_AAD = b"trifleet/enrolment-request/v1"
ANSWER_AAD = b"trifleet/enrolment-answer/v1"


class Request:
    """What a gateway asks: a certificate for the key in `csr`, statements under `public_key`."""

    def __init__(
        self, invitation: bytes, public_key: bytes, csr: bytes, nonce: bytes, proof: bytes
    ) -> None:
        self.invitation = invitation
        self.public_key = public_key
        self.csr = csr
        self.nonce = nonce
        self.proof = proof


class Answer:
    """What a gateway, or a notary, needs to begin. `broker` is (host, port, name in its
    certificate). Without `vehicles` it is for a notary.
    """

    def __init__(
        self,
        nonce: bytes,
        gateway: str,
        chain: list[bytes],
        authority: bytes,
        ack_public_key: bytes,
        broker: tuple[str, int, str],
        logs: list[str],
        vehicles: list[str],
    ) -> None:
        self.nonce = nonce
        self.gateway = gateway
        self.chain = chain
        self.authority = authority
        self.ack_public_key = ack_public_key
        self.broker = broker
        self.logs = logs
        self.vehicles = vehicles


def code_of(drawn: bytes) -> str:
    """The code's 25 letters out of 15 random bytes. Raises EncodeError."""
    if len(drawn) != CODE_RANDOM * 5 // 8:
        raise EncodeError("a code is drawn from 15 bytes")
    number = int.from_bytes(drawn, "big")
    letters = [number >> (5 * (CODE_RANDOM - 1 - i)) & 31 for i in range(CODE_RANDOM)]
    letters.append(_double(_check(letters)))
    return "".join([ALPHABET[letter] for letter in letters])


def show_code(code: str) -> str:
    """In five groups, as it is read out."""
    return "-".join([code[i : i + GROUP] for i in range(0, CODE_LETTERS, GROUP)])


def read_code(typed: str) -> str:
    """The letters of what somebody typed. Raises DecodeError; one wrong letter is always found,
    and so are two that changed places."""
    letters = ""
    for letter in typed.strip().lower():
        if letter in "- ":
            continue
        letter = _ALIKE.get(letter, letter)
        if letter not in ALPHABET:
            raise DecodeError("code", "letter")
        letters += letter
        if len(letters) > CODE_LETTERS:
            raise DecodeError("code", "length")
    if len(letters) != CODE_LETTERS:
        raise DecodeError("code", "length")
    if _check([ALPHABET.find(letter) for letter in letters]):
        raise DecodeError("code", "check")
    return letters


def invitation_of(code: str) -> bytes:
    """The public name of what a code invites to."""
    digest = hashlib.sha256(b"trifleet/enrolment-invitation/v1" + code.encode()).digest()
    return digest[:INVITATION_BYTES]


def key_of(code: str) -> bytes:
    """The key that seals request and answer; the code itself is kept nowhere."""
    return hashlib.sha256(b"trifleet/enrolment-key/v1" + code.encode()).digest()


def proof_message(invitation: bytes, public_key: bytes, csr: bytes, nonce: bytes) -> bytes:
    """What the statement key signs, so that nobody enrols the key of another gateway."""
    return cbor.encode(["trifleet/enrolment-proof/v1", invitation, public_key, csr, nonce])


def encode_request(request: Request, key: bytes) -> bytes:
    """Seal a request under the code's key."""
    value = [
        fields.VERSION,
        request.invitation,
        request.public_key,
        request.csr,
        request.nonce,
        request.proof,
    ]
    return _seal(REQUEST_AAD, value, key)


def decode_unverified(data: bytes) -> Request:
    """Read a request without the code: which invitation does it name? Raises DecodeError."""
    if len(data) > MAX_REQUEST:
        raise DecodeError("too-large", str(len(data)))
    payload, _ = _split(data, "request")
    value = fields.array(cbor.decode(payload), "request", 6)
    fields.version(value[0], "request.version")
    return Request(
        fields.octets(value[1], "request.invitation", INVITATION_BYTES),
        fields.octets(value[2], "request.public_key", PUBLIC_KEY_BYTES),
        _opaque(value[3], "request.csr", MAX_CSR),
        fields.octets(value[4], "request.nonce", NONCE_BYTES),
        fields.octets(value[5], "request.proof", SIGNATURE_BYTES),
    )


def open_request(data: bytes, key: bytes) -> Request:
    """Read and check the seal. Raises DecodeError or VerifyError."""
    request = decode_unverified(data)
    _open(REQUEST_AAD, data, key, "request")
    return request


def encode_answer(answer: Answer, key: bytes) -> bytes:
    """Seal an answer under the code's key."""
    value = [
        fields.VERSION if answer.vehicles else _FOR_NOTARY,
        answer.nonce,
        answer.gateway,
        list(answer.chain),
        answer.authority,
        answer.ack_public_key,
        answer.broker[0],
        answer.broker[1],
        answer.broker[2],
        list(answer.logs),
    ]
    if answer.vehicles:
        value.append(list(answer.vehicles))
    return _seal(ANSWER_AAD, value, key)


def open_answer(data: bytes, key: bytes, nonce: bytes) -> Answer:
    """Check the seal, and that it answers to `nonce`. Raises DecodeError or VerifyError."""
    payload = _open(ANSWER_AAD, data, key, "answer")
    value = fields.array(cbor.decode(payload), "answer")
    is_notary = len(value) == 10
    fields.array(value, "answer", 10 if is_notary else 11)
    if fields.uint(value[0], "answer.version") != (_FOR_NOTARY if is_notary else fields.VERSION):
        raise DecodeError("version", "answer.version")
    if fields.octets(value[1], "answer.nonce", NONCE_BYTES) != nonce:
        raise VerifyError("enrolment-nonce")
    chain = _some(value[3], "answer.chain", 1, MAX_CHAIN)
    logs = _some(value[9], "answer.logs", 0, MAX_LOGS)
    vehicles = [] if is_notary else _some(value[10], "answer.vehicles", 1, MAX_VEHICLES)
    return Answer(
        nonce,
        fields.identifier(value[2], "answer.gateway"),
        [_opaque(item, "answer.chain", MAX_CERTIFICATE) for item in chain],
        _opaque(value[4], "answer.authority", MAX_CERTIFICATE),
        fields.octets(value[5], "answer.ack_public_key", PUBLIC_KEY_BYTES),
        (
            _line(value[6], "answer.host"),
            _port(value[7], "answer.port"),
            _line(value[8], "answer.server_name"),
        ),
        [_line(item, "answer.logs") for item in logs],
        [fields.identifier(item, "answer.vehicles") for item in vehicles],
    )


def _seal(aad: bytes, value: list, key: bytes) -> bytes:  # type: ignore[type-arg]
    payload = cbor.encode(value)
    tag = mac.Hmac(key).tag(cose.mac0_message(aad, payload))
    return cose.assemble(cose.HMAC_256, payload, tag)


def _split(data: bytes, where: str) -> tuple[bytes, bytes]:
    payload, tag = cose.split(data, cose.HMAC_256, where)
    return payload, fields.octets(tag, where + ".tag", TAG_BYTES)


def _open(aad: bytes, data: bytes, key: bytes, where: str) -> bytes:
    payload, tag = _split(data, where)
    if not mac.Hmac(key).matches(cose.mac0_message(aad, payload), tag):
        raise VerifyError("enrolment-seal")
    return payload


def _opaque(value: object, where: str, most: int) -> bytes:
    found = fields.octets(value, where)
    if not 1 <= len(found) <= most:
        raise DecodeError("field", where)
    return found


def _some(value: object, where: str, least: int, most: int) -> list:  # type: ignore[type-arg]
    items = fields.array(value, where)
    if not least <= len(items) <= most:
        raise DecodeError("field", where)
    return items


def _line(value: object, where: str) -> str:
    """Printable ASCII without spaces: it becomes part of a file of settings."""
    text = fields.text(value, where)
    for letter in text:
        if not "!" <= letter <= "~":
            raise DecodeError("field", where)
    if not text:
        raise DecodeError("field", where)
    return text


def _port(value: object, where: str) -> int:
    port = fields.uint(value, where, 65535)
    if not port:
        raise DecodeError("field", where)
    return port


def _double(value: int) -> int:
    """Times x in the field of 32 elements, modulo x^5 + x^2 + 1."""
    value <<= 1
    return value ^ 0x25 if value & 32 else value


def _check(letters: list[int]) -> int:
    """The letters as a polynomial at x, whose powers differ up to the 31st: 0 for a good code."""
    total = 0
    for letter in letters:
        total = _double(total) ^ letter
    return total
