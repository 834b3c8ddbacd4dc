"""The errors of this package."""

from trifleet.errors import TrifleetError


class CertificateError(TrifleetError):
    """A certificate cannot be made, found or revoked as asked."""
