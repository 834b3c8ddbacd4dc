"""The authority as the registrar sees it: a certificate for a gateway's key, and the root."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from fleet_backend.registrar import rules
from fleet_backend.registrar.errors import RefusedRequestError
from trifleet.certificates import holdings
from trifleet.certificates.authority import Authority, load_certificate
from trifleet.certificates.errors import CertificateError
from trifleet.certificates.register import Use

_MONTH_S = 30 * 86_400
_RENEWALS = 5


class RegistrarAuthority:
    """Keeps `fleet_backend.registrar.worker.Authority`. Raises CertificateError where the folder
    holds none."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._authority = Authority(folder, clock)
        self._now = clock
        self._folder = folder

    def issue(self, name: str, key: ec.EllipticCurvePublicKey) -> list[bytes]:
        """A year's certificate, signed by the root itself."""
        try:
            made = self._authority.issue_client(name, key)
        except CertificateError as error:
            raise RefusedRequestError(rules.NAME) from error
        return [x509.load_pem_x509_certificate(made).public_bytes(Encoding.DER)]

    def renew(self, name: str, key: ec.EllipticCurvePublicKey) -> list[bytes]:
        """A year's certificate; what was revoked stays revoked, a few a month are enough."""
        entries = [one for one in self._authority.entries() if one.name == name]
        if not entries or entries[-1].revoked or entries[-1].use is not Use.GATEWAY:
            raise RefusedRequestError(rules.REFUSED)
        newest = entries[-1].begins
        recent = [one for one in entries if newest - one.begins < _MONTH_S]
        if len(recent) >= _RENEWALS and self._now() - newest < _MONTH_S:
            raise RefusedRequestError(rules.OFTEN)
        return self.issue(name, key)

    def root(self) -> bytes:
        """The one that signs, DER."""
        return load_certificate(self._authority.certificate_file).public_bytes(Encoding.DER)

    def trust(self) -> tuple[list[bytes], bytes]:
        """Every root that is trusted, the one that signs first, and the link to the newest."""
        found = x509.load_pem_x509_certificates(self._authority.bundle())
        link = self._authority.link()
        der = x509.load_pem_x509_certificate(link).public_bytes(Encoding.DER) if link else b""
        return [one.public_bytes(Encoding.DER) for one in found], der

    def note_held(self, name: str, held: Sequence[bytes]) -> None:
        """Kept for whoever changes the root."""
        with self._authority.locked():
            holdings.note(self._folder, name, held)
