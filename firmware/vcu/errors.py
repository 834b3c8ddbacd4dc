"""The errors of the firmware. Whatever else escapes is a fault of ours and resets the board."""


class VcuError(Exception):
    """Root of everything that the firmware raises on purpose."""


class StateError(VcuError):
    """The lock's table has no line for this event in this state."""


class StoreError(VcuError):
    """A file on the board is not what was written there."""
