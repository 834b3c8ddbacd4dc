"""The list of revoked certificates, under the name by which Erlang's TLS looks for it.

The name is OpenSSL's: the first four bytes, read backwards, of the SHA-1 of the issuer's name in
canonical form (RFC 5280 section 7.1 as OpenSSL does it: UTF-8, lower case, single spaces).
"""

import hashlib
from pathlib import Path

from cryptography import x509

from trifleet.brokers.common import BrokerError, private_folder, write_private

_BEGIN = "-----BEGIN X509 CRL-----"
_COMMON_NAME = bytes.fromhex("0603550403")  # OID 2.5.4.3
_SEQUENCE, _SET, _UTF8 = 0x30, 0x31, 0x0C


def write_hashed(list_file: Path, folder: Path) -> None:
    """Put the lists (PEM, one a root) into a folder of their own. Raises BrokerError for what is
    none."""
    try:
        head, *parts = list_file.read_text("ascii").split(_BEGIN)
        texts = [_BEGIN + part for part in parts]
        issuers = [x509.load_pem_x509_crl(text.encode()).issuer for text in texts]
        if head.strip() or not texts:
            raise ValueError("no list in it")
    except (OSError, ValueError) as error:
        raise BrokerError(f"{list_file} is no list of revoked certificates: {error}") from error
    for issuer, text in zip(issuers, texts, strict=True):
        write_private(private_folder(folder) / f"{name_hash(issuer)}.r0", text)


def name_hash(name: x509.Name) -> str:
    """Of a name that is one common name, as our authority's is. Raises BrokerError for others."""
    attributes = list(name)
    if len(attributes) != 1 or attributes[0].oid != x509.oid.NameOID.COMMON_NAME:
        raise BrokerError("the authority's name is one common name")
    text = " ".join(str(attributes[0].value).lower().split()).encode()
    canonical = _tlv(_SET, _tlv(_SEQUENCE, _COMMON_NAME + _tlv(_UTF8, text)))
    digest = hashlib.sha1(canonical, usedforsecurity=False).digest()
    return digest[3::-1].hex()


def _tlv(tag: int, content: bytes) -> bytes:
    if len(content) > 127:
        raise BrokerError("the authority's name is longer than 100 characters")
    return bytes((tag, len(content))) + content
