"""MCP2518FD on SPI, as a controller of classic CAN in the shape of machine.CAN.

FIFO 1 receives 32 frames; FIFOs 2 to 4 are three transmit buffers of one frame each. `recv` and
`send` allocate nothing, so the handler may run in the interrupt of the INT pin.
"""

import errno

from vcu.can import mcp2518fd_wire as chip
from vcu.can.controller import Controller, timing

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from machine import SPI, Pin

    from vcu.can.shape import Arg, Data, Filter, Handler, Values

# machine.CAN's modes in their order: CAN 2.0, listen-only twice (it has no sleep that receives),
# external loopback, listen-only, internal loopback.
_MODES = b"\x06\x03\x05\x03\x02"
_CLOCKS = (20_000_000, 40_000_000)
_ROUNDS = 4


class MCP2518FD(Controller):
    """`cs` and `interrupt` are pins; `clock_hz` is the crystal's, 20 or 40 MHz.

    The main loop and the interrupt share the SPI bus: an edge that comes in the middle of a
    transfer is served by whoever ends it, because it has left the pin low.
    """

    TX_QUEUE_LEN = 3

    def __init__(self, spi: "SPI", cs: "Pin", interrupt: "Pin", clock_hz: int = 40_000_000) -> None:
        super().__init__()
        if clock_hz not in _CLOCKS:
            raise ValueError("clock_hz")
        self._chip = chip.Wire(spi, cs)
        self._interrupt = interrupt
        self._clock_hz = clock_hz
        self._status = bytearray(10)
        self._object = bytearray(18)
        self._diagnosis = bytearray(14)
        self._waiting = [-1] * self.TX_QUEUE_LEN
        self._edge_handler = self._edge
        self._busy = False
        self._ready = False
        self._mode = 0
        self._filters: "list[Filter]" = []
        self._timing = (0, 0, 0, 0)
        self._bitrate = 0

    def init(self, bitrate: int, mode: int = 0, sample_point: int = 75, sjw: int = 1) -> None:
        """OSError(ENODEV) if the chip does not answer."""
        if not 0 <= mode < len(_MODES):
            raise ValueError("mode")
        if not 0 < sample_point < 100:
            raise ValueError("sample_point")
        if not 1 <= sjw <= 4:
            raise ValueError("sjw")
        brp, tseg1, tseg2 = timing(self._clock_hz, bitrate, sample_point)
        self.deinit()
        self._timing = (brp, tseg1, tseg2, sjw)
        self._bitrate = bitrate
        self._mode = mode
        self._filters = []
        self._start()

    def deinit(self) -> None:
        self._interrupt.irq(handler=None)
        self._handler = None
        self._trigger = 0
        if self._state != self.STATE_STOPPED:
            self._state = self.STATE_STOPPED
            self._chip.stop()

    def restart(self) -> None:
        self._require()
        held = self._hold()
        try:
            self._start()
        finally:
            self._release(held)

    def set_filters(self, filters: "Iterable[Filter] | None") -> None:
        self._require()
        self._filters = self._checked_filters(filters)
        held = self._hold()
        self._chip.filter(self._filters)
        self._release(held)

    def send(self, identifier: int, data: "Data", flags: int = 0) -> "int | None":
        self._require()
        self._check_frame(identifier, data, flags)
        if self._state == self.STATE_BUS_OFF:
            raise OSError(errno.EIO)
        held = self._hold()
        buffer = self._submit(identifier, data, flags)
        self._release(held)
        return None if buffer < 0 else buffer

    def cancel_send(self, index: int) -> bool:
        self._require()
        if not 0 <= index < self.TX_QUEUE_LEN:
            raise IndexError
        held = self._hold()
        pending = self._chip.read_byte(chip.TXREQ) & 4 << index != 0
        if pending:
            self._chip.cancel(index)
        self._release(held)
        return pending

    def recv(self, arg: "Arg | None" = None) -> "Arg | None":
        self._require()
        if arg is None:
            arg = [0, memoryview(bytearray(8)), 0, 0]
        self._adopt(arg)
        held = self._hold()
        found = self._state != self.STATE_BUS_OFF and self._is_ready() and self._fetch(arg)
        self._release(held)
        return arg if found else None

    def irq(
        self, handler: "Handler | None" = None, trigger: int = 0, hard: bool = False
    ) -> "MCP2518FD":
        self._require()
        self._check_trigger(trigger)
        held = self._hold()
        self._handler = handler
        self._trigger = trigger
        self._enable()
        pin = self._interrupt
        edge = self._edge_handler if handler else None
        pin.irq(handler=edge, trigger=pin.IRQ_FALLING, hard=hard)
        self._release(held)
        return self

    def flags(self) -> int:
        """Of the object that irq() returns, which is this one."""
        held = self._hold()
        found = self.IRQ_RX if self._chip.read_byte(chip.FIFOSTA1) & chip.NOT_EMPTY else 0
        self._release(held)
        return found & self._trigger

    def state(self) -> int:
        if self._state != self.STATE_STOPPED and self._state != self.STATE_BUS_OFF:
            held = self._hold()
            self._look()
            self._release(held)
        return self._state

    def get_counters(self, list: "Values | None" = None) -> "Values":
        self.state()
        self._require()
        held = self._hold()
        pending = self._chip.read_byte(chip.TXREQ)
        self._counters[5] = (pending >> 2 & 1) + (pending >> 3 & 1) + (pending >> 4 & 1)
        # "At least one": the chip does not say how many.
        self._counters[6] = self._chip.read_byte(chip.FIFOSTA1) & chip.NOT_EMPTY
        self._release(held)
        return self._filled(list)

    def get_timings(self, list: "Values | None" = None) -> "Values":
        _, tseg1, tseg2, sjw = self._timing
        return _set(list, [self._bitrate, sjw, tseg1, tseg2, None, None])

    def _start(self) -> None:
        self._ready = False
        self._chip.start(self._timing, self.TX_QUEUE_LEN)
        self._chip.filter(self._filters)
        self._enable()
        for i in range(8):
            self._counters[i] = 0
        self._state = self.STATE_ACTIVE
        self._chip.ask(_MODES[self._mode])

    def _enable(self) -> None:
        self._chip.write_byte(chip.INT + 2, chip.RX_IE if self._trigger & self.IRQ_RX else 0)
        self._chip.write_byte(chip.INT + 3, chip.CERR_IE if self._trigger else 0)

    def _is_ready(self) -> bool:
        if not self._ready:
            self._ready = self._chip.operating_mode() == _MODES[self._mode]
        return self._ready

    # --- frames ---

    def _free_buffer(self, identifier: int, flags: int) -> int:
        if self._mode == self.MODE_SILENT or self._mode == self.MODE_SLEEP or not self._is_ready():
            return -1
        pending = self._chip.read_byte(chip.TXREQ)
        free = -1
        for i in range(self.TX_QUEUE_LEN):
            if not pending & 4 << i:
                if free < 0:
                    free = i
            elif self._waiting[i] == identifier and not flags & self.FLAG_UNORDERED:
                return -1  # the chip could not keep their order
        return free

    def _submit(self, identifier: int, data: "Data", flags: int) -> int:
        buffer = self._free_buffer(identifier, flags)
        if buffer >= 0:
            self._load(buffer, identifier, data, flags)
        return buffer

    def _load(self, buffer: int, identifier: int, data: "Data", flags: int) -> None:
        chip.put_identifier(self._object, identifier, flags & self.FLAG_EXT_ID)
        chip.put_data(self._object, data, flags)
        self._waiting[buffer] = identifier
        if flags & self.FLAG_EXT_ID:
            identifier >>= 18
        self._chip.load(buffer, self._object, identifier)

    def _fetch(self, arg: "Arg") -> bool:
        status = self._status
        self._chip.transfer(status, chip.READ | chip.FIFOSTA1)  # with the address behind it
        arg[3] = self._errors(status[2])
        if not status[2] & chip.NOT_EMPTY:
            return False
        self._chip.read_object(self._object, status[6] | status[7] << 8)
        self._give(arg, self._object)
        return True

    def _give(self, arg: "Arg", frame: bytearray) -> None:
        arg[0] = chip.identifier_of(frame)
        arg[2] = (frame[6] & chip.IDE) >> 3 | (frame[6] & chip.RTR) >> 5
        self._unpack(self._view(arg, min(frame[6] & 15, 8)), frame)

    def _unpack(self, view: memoryview, frame: bytearray) -> None:
        for i in range(len(view)):
            view[i] = 0 if frame[6] & chip.RTR else frame[10 + i]

    def _errors(self, status: int) -> int:
        found = self.RECV_ERR_FULL if status & chip.FULL else 0
        if status & chip.OVERFLOW:
            self._counters[7] += 1
            self._chip.write_byte(chip.FIFOSTA1, 0)
            found |= self.RECV_ERR_OVERRUN
        return found

    # --- errors and interrupts ---

    def _look(self) -> None:
        if not self._is_ready():
            return
        found = self._diagnosis
        self._chip.transfer(found, chip.READ | chip.TREC)
        self._counters[0] = found[3]
        # While it only listens the chip keeps its counter and fills the diagnosis.
        self._counters[1] = max(found[2], found[6])
        if found[4] & chip.BUS_OFF or found[12] & chip.WENT_OFF:
            # The chip would come back by itself; only restart() may end a bus-off.
            self._chip.stop()
            self._enter(self.STATE_BUS_OFF)
        elif found[4] & chip.PASSIVE:
            self._enter(self.STATE_PASSIVE)
        else:
            self._enter(self.STATE_WARNING if found[4] & chip.EWARN else self.STATE_ACTIVE)

    def _edge(self, pin: "Pin") -> None:
        if not self._busy:
            self._busy = True
            self._serve()
            self._busy = False

    def _serve(self) -> None:
        # The pin stays low until its causes are gone, and makes no further edge.
        for _ in range(_ROUNDS):
            if self._handler is None or self._interrupt() or self._state == self.STATE_BUS_OFF:
                return
            self._handler(self)
            if self._chip.read_byte(chip.INT + 1) & chip.CERR:
                self._look()
                self._chip.write_byte(chip.INT + 1, 0)

    def _hold(self) -> bool:
        held = self._busy
        self._busy = True
        return held

    def _release(self, held: bool) -> None:
        if not held:
            self._serve()
        self._busy = held


def _set(into: "Values | None", values: "Values") -> "Values":
    if into is None:
        return values
    into[:] = values
    return into
