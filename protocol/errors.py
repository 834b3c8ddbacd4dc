"""The errors of this package, split by who is at fault."""


class ProtocolError(Exception):
    """Root of everything that this package raises."""


class DecodeError(ProtocolError):
    """They sent bytes that are not what they claim to be: a stable `name`, and `where`."""

    def __init__(self, name: str, where: str = "") -> None:
        super().__init__(f"{name}: {where}" if where else name)
        self.name = name
        self.where = where


class VerifyError(ProtocolError):
    """They sent a well-formed document whose signature, MAC or commitment does not hold."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class RefusedError(ProtocolError):
    """The vehicle does not do what a presentation asks for; `code` is from `protocol.refusal`."""

    def __init__(self, code: int, asked: object = None) -> None:
        super().__init__(f"refused with code {code}")
        self.code = code
        # The decoded presentation that was refused; None where it could not be read.
        self.asked = asked


class EncodeError(ProtocolError):
    """We tried to write what the format cannot carry: a fault of the caller."""
