"""Presentations: grants, keys and a command, as one message (docs/protocol.md section 5)."""

from protocol import cbor, command, cose, fields, grant, rsa
from protocol.errors import DecodeError

# With the type byte of the link, one ISO-TP message of 4,095.
MAX_BYTES = 4094


class SignedGrant:
    """A grant beside the bytes and the signature that it came in."""

    def __init__(self, sign1: bytes) -> None:
        self.sign1 = sign1
        self.payload, self.signature = cose.split(sign1, cose.PS256, "grant")
        self.grant = grant.decode(self.payload)


class SignedCommand:
    """A command beside the bytes and the signature that it came in."""

    def __init__(self, sign1: bytes) -> None:
        self.payload, self.signature = cose.split(sign1, cose.PS256, "command")
        self.command = command.decode(self.payload)
        self.command_id = command.command_id(sign1)


class Presentation:
    """A decoded presentation; no signature in it is verified yet."""

    def __init__(self, grants: list[SignedGrant], keys: list[bytes], signed: SignedCommand) -> None:
        self.grants = grants
        self.keys = keys
        self.payload = signed.payload
        self.signature = signed.signature
        self.command = signed.command
        self.command_id = signed.command_id


def encode(grants: list[bytes], keys: list[bytes], command_sign1: bytes) -> bytes:
    """Grants from the owner downwards, their signers' moduli and the holder's, the command."""
    return cbor.encode([grants, keys, command_sign1])


def decode(data: bytes) -> Presentation:
    """Raises DecodeError."""
    asked: Presentation = rsa.run(decode_steps(data))  # type: ignore[assignment]
    return asked


def decode_steps(data: bytes):  # type: ignore[no-untyped-def]
    """Generator that yields between pieces of work and returns the Presentation, as `decode`."""
    if len(data) > MAX_BYTES:
        raise DecodeError("too-large", "presentation")
    grants, keys, command_sign1 = fields.array(cbor.decode(data), "presentation", 3)
    fields.array(grants, "presentation.grants")
    if len(grants) > grant.MAX_CHAIN:
        raise DecodeError("field", "presentation.grants")
    for key in fields.array(keys, "presentation.keys", len(grants) + 1):
        if not rsa.is_modulus(fields.octets(key, "presentation.keys")):
            raise DecodeError("field", "presentation.keys")
    signed = []
    for item in grants:
        yield
        signed.append(SignedGrant(fields.octets(item, "presentation.grants")))
    yield
    asked = SignedCommand(fields.octets(command_sign1, "presentation.command"))
    return Presentation(signed, keys, asked)
