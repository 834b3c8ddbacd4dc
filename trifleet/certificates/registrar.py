"""The authority as the registrar sees it: a certificate for a gateway's key, and the root."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from fleet_backend.registrar import rules
from fleet_backend.registrar.errors import RefusedRequestError
from trifleet.certificates.authority import Authority, load_certificate
from trifleet.certificates.errors import CertificateError


class RegistrarAuthority:
    """Keeps `fleet_backend.registrar.worker.Authority`. Raises CertificateError where the folder
    holds none."""

    def __init__(self, folder: Path) -> None:
        self._authority = Authority(folder)

    def issue(self, name: str, key: ec.EllipticCurvePublicKey) -> list[bytes]:
        """A year's certificate, signed by the root itself."""
        try:
            made = self._authority.issue_client(name, key)
        except CertificateError as error:
            raise RefusedRequestError(rules.NAME) from error
        return [x509.load_pem_x509_certificate(made).public_bytes(Encoding.DER)]

    def root(self) -> bytes:
        """DER."""
        return load_certificate(self._authority.certificate_file).public_bytes(Encoding.DER)
