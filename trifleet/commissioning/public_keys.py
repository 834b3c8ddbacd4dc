"""Public keys as a mechanic gets them: a thumbprint in hexadecimal, or a file of the public key.

A private key is refused: none belongs on a computer in the workshop.
"""

from pathlib import Path

from trifleet.commissioning.errors import SheetError

THUMBPRINT_DIGITS = 64
_MOST_BYTES = 16_384


def owner_thumbprint(text: str) -> bytes:
    """Of the owner's RSA key. Raises SheetError."""
    return _thumbprint(text, "owner", (2048, 3072, 4096))


def release_thumbprint(text: str) -> bytes:
    """Of a release key, which has 3072 bits. Raises SheetError."""
    return _thumbprint(text, "release key", (3072,))


def _thumbprint(text: str, what: str, bits: tuple[int, ...]) -> bytes:
    if len(text) == THUMBPRINT_DIGITS and not Path(text).exists():
        try:
            return bytes.fromhex(text)
        except ValueError as error:
            raise SheetError(f"{what}: {text} is neither a thumbprint nor a file") from error
    return _of_file(Path(text), what, bits)


def _of_file(path: Path, what: str, bits: tuple[int, ...]) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    from protocol import rsa

    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
        if b"PRIVATE KEY" in data:
            raise SheetError(f"{what}: {path} is a private key: bring the public one")
        key = load_pem_public_key(data)
    except (OSError, ValueError) as error:
        raise SheetError(
            f"{what}: {path} is neither a thumbprint of {THUMBPRINT_DIGITS} hexadecimal digits"
            " nor a file with a public key (PEM)"
        ) from error
    numbers = key.public_numbers() if isinstance(key, RSAPublicKey) else None
    if numbers is None or numbers.e != 65537 or numbers.n.bit_length() not in bits:
        sizes = " or ".join(map(str, bits))
        raise SheetError(f"{what}: {path} is not an RSA key of {sizes} bits with 65537")
    size = numbers.n.bit_length() // 8
    return rsa.thumbprint(numbers.n.to_bytes(size, "big"))
