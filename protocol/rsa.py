"""RSASSA-PSS with SHA-256 (RFC 8017 section 8.1.2) on plain integers, and RSA thumbprints.

The exponent is 65537: 16 squarings and one multiplication, with a yield after each, so that a
small processor can keep its 20 ms frames while it checks a signature.
"""

import hashlib

SALT_BYTES = 32
_HASH_BYTES = 32
_ALGORITHM = bytes.fromhex("300d06092a864886f70d0101010500")
_EXPONENT = b"\x02\x03\x01\x00\x01"


def is_modulus(modulus: bytes) -> bool:
    """2048, 3072 or 4096 bits exactly, and odd."""
    return len(modulus) in (256, 384, 512) and modulus[0] >= 0x80 and modulus[-1] & 1 == 1


def verify_steps(modulus: bytes, message: bytes, signature: bytes):  # type: ignore[no-untyped-def]
    """Generator that yields between steps of about 7 ms (STM32F405) and returns True or False."""
    if not is_modulus(modulus) or len(signature) != len(modulus):
        return False
    n = int.from_bytes(modulus, "big")
    s = int.from_bytes(signature, "big")
    if s >= n:
        return False
    m = s
    is_long = len(modulus) > 256  # then a product and its remainder are a step each
    for _ in range(16):
        m = m * m
        if is_long:
            yield
        m = m % n
        yield
    m = m * s
    if is_long:
        yield
    m = m % n
    yield
    return pss_matches(m.to_bytes(len(modulus), "big"), hashlib.sha256(message).digest())


def verify(modulus: bytes, message: bytes, signature: bytes) -> bool:
    """`verify_steps` in one go."""
    return run(verify_steps(modulus, message, signature)) is True


def run(steps: object) -> object:
    """Drive a generator to its end and hand back what it returned."""
    while True:
        try:
            next(steps)  # type: ignore[call-overload]
        except StopIteration as stop:
            return stop.value


def pss_matches(encoded: bytes, digest: bytes) -> bool:
    """EMSA-PSS-VERIFY (RFC 8017 section 9.1.2) for emBits = 8 * len(encoded) - 1."""
    split = len(encoded) - _HASH_BYTES - 1
    masked, seed = encoded[:split], encoded[split:-1]
    if encoded[-1] != 0xBC or masked[0] & 0x80:
        return False
    mask = _mgf1(seed, split)
    block = bytearray(split)
    for i in range(split):
        block[i] = masked[i] ^ mask[i]
    block[0] &= 0x7F
    zeros = split - SALT_BYTES - 1
    if block[zeros] != 1 or block[:zeros] != bytes(zeros):
        return False
    return hashlib.sha256(bytes(8) + digest + bytes(block[zeros + 1 :])).digest() == seed


def _mgf1(seed: bytes, size: int) -> bytes:
    out = b""
    counter = 0
    while len(out) < size:
        out += hashlib.sha256(seed + counter.to_bytes(4, "big")).digest()
        counter += 1
    return out[:size]


def spki(modulus: bytes) -> bytes:
    """DER SubjectPublicKeyInfo (RFC 5280, RFC 3279) of a modulus with the exponent 65537."""
    key = _der(0x30, _der(0x02, b"\x00" + modulus) + _EXPONENT)
    return _der(0x30, _ALGORITHM + _der(0x03, b"\x00" + key))


def modulus_of_spki(der: bytes) -> bytes | None:
    """The modulus in a SubjectPublicKeyInfo, or None unless it is exactly what `spki` writes."""
    for size in (256, 384, 512):
        modulus = der[-5 - size : -5]
        if is_modulus(modulus) and spki(modulus) == der:
            return bytes(modulus)
    return None


def thumbprint(modulus: bytes) -> bytes:
    """SHA-256 of the SubjectPublicKeyInfo, 32 bytes: the name of a key in grants."""
    return hashlib.sha256(spki(modulus)).digest()


def _der(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    if size < 0x100:
        return bytes((tag, 0x81, size)) + body
    return bytes((tag, 0x82, size >> 8, size & 0xFF)) + body
