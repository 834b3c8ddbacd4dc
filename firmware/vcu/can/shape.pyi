"""What a CAN controller offers: the shape of MicroPython's `machine.CAN`, for the checker of types.

Backends keep these names and meanings; docs/can.md has them as a table.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

Handler = Callable[["Device"], None]
Filter = tuple[int, int, int]  # identifier, mask, FLAG_EXT_ID or 0
Data = bytes | bytearray | memoryview
Arg = list[int | memoryview]
Values = list[int | None]

class Irq(Protocol):
    def flags(self) -> int: ...

class Device(Protocol):
    MODE_NORMAL: int
    MODE_SILENT: int
    STATE_STOPPED: int
    STATE_ACTIVE: int
    STATE_WARNING: int
    STATE_PASSIVE: int
    STATE_BUS_OFF: int
    FLAG_RTR: int
    FLAG_EXT_ID: int
    IRQ_RX: int
    TX_QUEUE_LEN: int
    FILTERS_MAX: int
    # Everything but state() and deinit() raises OSError before init().
    def init(self, bitrate: int, mode: int = ...) -> None: ...
    def deinit(self) -> None: ...
    # Nothing is received before it is called; None lets everything pass.
    def set_filters(self, filters: Iterable[Filter] | None) -> None: ...
    # None: the buffers are full, or one holds a frame with this identifier. OSError in bus-off.
    def send(self, identifier: int, data: Data, flags: int = ...) -> int | None: ...
    # Fills [identifier, memoryview, flags, errors]; the first call with a list may allocate.
    def recv(self, arg: Arg) -> Arg | None: ...
    # A hard interrupt where the port has one, else whenever the controller is looked at.
    def irq(self, handler: Handler | None, trigger: int, hard: bool) -> Irq: ...
    def state(self) -> int: ...
    # The only way out of bus-off.
    def restart(self) -> None: ...
    # TEC, REC, warnings, passives, bus-offs, frames to send, frames received, overruns.
    def get_counters(self, list: Values) -> Values: ...
