"""Errors of the registrar: one root."""


class RegistrarError(Exception):
    """Root of everything that this package raises on purpose."""


class InvitationError(RegistrarError):
    """An invitation that cannot be made, read or taken back."""


class RefusedRequestError(RegistrarError):
    """A request that is not fulfilled; `reason` is what the asker is told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
