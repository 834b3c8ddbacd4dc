"""The chip's own controller: machine.CAN as MicroPython documents it, the virtual board's as well.

STM32 (bxCAN and FDCAN) since 1.28. On ports that lack it this module does not import.
"""

import machine

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcu.can.shape import Device

BITRATE = 500_000


def controller(number: int = 1) -> "Device":
    """Silent: the port decides when it speaks. deinit() forgets filters and interrupt, so both are
    set again after every init()."""
    return machine.CAN(number, BITRATE, mode=machine.CAN.MODE_SILENT)  # type: ignore[return-value]
