"""Keccak-256, the hash of EVM chains (not SHA3-256, whose padding is another)."""

from .errors import MissingPackageError


def keccak256(data: bytes) -> bytes:
    """32 bytes. Raises MissingPackageError."""
    try:
        from Cryptodome.Hash import keccak
    except ImportError as error:
        raise MissingPackageError(
            "anchors in EVM chains need a package: pip install -r requirements-anchors.txt"
        ) from error
    digest: bytes = keccak.new(digest_bits=256, data=data).digest()
    return digest
