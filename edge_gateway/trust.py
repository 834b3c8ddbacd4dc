"""Which roots a gateway believes, and how it comes to believe another one. Pure but for files.

A new root is believed by a link: its key, signed by a root that is held. So the answer that brings
it needs no seal. Roots that the backend does not name any more are dropped when the gateway's own
certificate is of another one, which the broker shows as well then.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edge_gateway.errors import EnrolError


def load(path: Path) -> list[x509.Certificate]:
    """The roots of a file (PEM). Raises EnrolError."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        raise EnrolError(f"{path} is no certificate") from error


def fingerprints(held: Sequence[x509.Certificate]) -> list[bytes]:
    """SHA-256 of each one's DER, as it is said in a request."""
    return [hashlib.sha256(one.public_bytes(Encoding.DER)).digest() for one in held]


def accepted(
    held: Sequence[x509.Certificate], offered: Sequence[bytes], link: bytes
) -> list[x509.Certificate]:
    """Those of the offered roots that are held, or linked to one that is; the first one signs.

    Raises EnrolError where something is no certificate, or the one that signs is not believed.
    """
    try:
        roots = [x509.load_der_x509_certificate(one) for one in offered]
        bridge = x509.load_der_x509_certificate(link) if link else None
    except ValueError as error:
        raise EnrolError("a root in the answer is no certificate") from error
    good = [one for one in roots if one in held or _is_linked(one, bridge, held)]
    if not roots or not good or good[0] != roots[0]:
        raise EnrolError("the answer names an authority that nothing ties to the one that we hold")
    return good


def kept(
    held: Sequence[x509.Certificate],
    good: Sequence[x509.Certificate],
    own: x509.Certificate,
) -> list[x509.Certificate]:
    """What to hold from now on: `good`, and any other one that our own certificate is of."""
    rest = [one for one in held if one not in good and own.issuer == one.subject]
    return [*good, *rest]


def pem(roots: Sequence[x509.Certificate]) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in roots)


def _is_linked(
    root: x509.Certificate, link: x509.Certificate | None, held: Sequence[x509.Certificate]
) -> bool:
    """Did a root that is held sign this root's name and key, as an authority's?"""
    if link is None or link.subject != root.subject or link.public_key() != root.public_key():
        return False
    try:
        basic = x509.BasicConstraints
        is_authority = all(
            one.extensions.get_extension_for_class(basic).value.ca for one in (root, link)
        )
        root.verify_directly_issued_by(root)
    except Exception:  # whatever a certificate's parser or verifier raises
        return False
    return is_authority and any(_signed(link, one) for one in held)


def _signed(link: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        link.verify_directly_issued_by(by)
    except Exception:
        return False
    return True
