"""The errors of this package."""

from trifleet.errors import TrifleetError


class ReleaseError(TrifleetError):
    """A repository, a bundle or a roll-out is not what it must be; the text says what to do."""
