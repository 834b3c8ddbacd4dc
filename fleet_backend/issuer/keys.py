"""The issuer's two private keys: PS256 for grants, Ed25519 for its statements.

Refuses a key file that others on the machine may read, and keys of another kind. Nothing prints.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from protocol import cose, grant, rsa

from .errors import KeyFileError

MAX_KEY_FILE_BYTES = 16_384
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=rsa.SALT_BYTES)


@dataclass(frozen=True)
class IssuerKeys:
    """Both keys, loaded."""

    issuing: RSAPrivateKey = field(repr=False)
    statement: Ed25519PrivateKey = field(repr=False)

    @property
    def thumbprint(self) -> bytes:
        """The name of the issuing key in the owner's delegation."""
        return rsa.thumbprint(_modulus(self.issuing))

    def sign_grant(self, given: grant.Grant) -> bytes:
        """COSE_Sign1 (PS256) of a grant."""
        payload = grant.encode(given)
        signature = self.issuing.sign(grant.signed_message(payload), _PSS, hashes.SHA256())
        return cose.assemble(cose.PS256, payload, signature)


def load_keys(issuing: Path, statement: Path) -> IssuerKeys:
    """Raises KeyFileError, which never shows a file's content."""
    first, second = _load(issuing), _load(statement)
    if not isinstance(first, RSAPrivateKey) or not rsa.is_modulus(_modulus(first)):
        raise KeyFileError(f"{issuing} is not an RSA key of 2048, 3072 or 4096 bits")
    if first.public_key().public_numbers().e != 65537:
        raise KeyFileError(f"{issuing} has another exponent than 65537")
    if not isinstance(second, Ed25519PrivateKey):
        raise KeyFileError(f"{statement} is not an Ed25519 key")
    return IssuerKeys(first, second)


def _modulus(key: RSAPrivateKey) -> bytes:
    return key.public_key().public_numbers().n.to_bytes((key.key_size + 7) // 8, "big")


def _load(path: Path) -> object:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            pem = file.read(MAX_KEY_FILE_BYTES)
    except OSError as error:
        raise KeyFileError(f"cannot read the key {path}: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise KeyFileError(f"others may read the key {path}: its mode must be 0600")
    try:
        return load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"{path} is not an unencrypted PEM key") from error
