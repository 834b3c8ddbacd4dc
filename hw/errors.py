"""Errors of `hw`: one root, so that a caller catches all of them or exactly one."""


class HwError(Exception):
    """Root of everything that hw raises on purpose."""


class DbcError(HwError):
    """The DBC says something that the small codec of the vehicle cannot do."""


class FrameError(HwError):
    """A frame or its values do not fit the DBC. They (the sender) are at fault."""


class UnknownFrameError(FrameError):
    """No message of the DBC has this identifier or name."""


class CrcError(FrameError):
    """The CRC of a protected frame does not match its bytes and identifier."""


class LengthError(FrameError):
    """A frame is shorter or longer than its message."""


class ValueRangeError(FrameError):
    """A value is missing, unknown, or outside the limits of its signal."""


class ConfigError(HwError):
    """A vehicle, street or state file is wrong; names the file, the key and what was expected."""


class BusError(HwError):
    """Root of the virtual bus' errors."""


class SlcanError(BusError):
    """A line that is not an slcan command, or not one for the present state of the channel."""


class BusClosedError(BusError):
    """The bus, or the connection to it, is closed."""


class BusTimeoutError(BusError):
    """The frame that was waited for did not come."""


class DrawingError(HwError):
    """A tool that draws is missing or failed; names the source and says what to install."""


class TableError(HwError):
    """A table that is read strictly says something that it must not."""
