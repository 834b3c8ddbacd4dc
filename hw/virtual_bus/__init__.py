"""A CAN bus without a kernel driver: slcan over TCP on loopback, and nodes of the same process."""

from hw.virtual_bus.bus import VirtualBus
from hw.virtual_bus.frame import Frame

__all__ = ["Frame", "VirtualBus"]
