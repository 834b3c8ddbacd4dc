# machine.CAN as MicroPython documents it, over slcan on TCP instead of a controller.
# A bus that is not there, or goes away, is a bus-off: only restart() ends it.
#
# Interrupts: the unix port has none, so handlers run when the controller is looked at: in every
# method of CAN, in machine.idle() and in CAN.wait(). What the bus sends meanwhile waits in the
# socket; frames that do not fit the ring are lost and counted, as on a chip.
import errno
import select
import socket
from binascii import hexlify, unhexlify
from micropython import const
from struct import pack_into, unpack_from
from utime import ticks_add, ticks_diff, ticks_ms
import vboard

_TX_SLOTS = const(3)
_RING = const(128)
_SLOT_BYTES = const(14)  # identifier 4, flags 1, length 1, data 8
_CHUNK = const(1024)
_BITRATES = {
    10_000: 0,
    20_000: 1,
    50_000: 2,
    100_000: 3,
    125_000: 4,
    250_000: 5,
    500_000: 6,
    800_000: 7,
    1_000_000: 8,
}
_KINDS = {116: 0, 84: 2, 114: 1, 82: 3}  # t T r R -> flags
_controller = None


class _Irq:
    def __init__(self, can):
        self._can = can

    def flags(self):
        return self._can._take_flags()

    def trigger(self, mask=None):
        if mask is not None:
            self._can._trigger = mask
        return self._can._trigger


class CAN:
    MODE_NORMAL = 0
    MODE_SLEEP = 1
    MODE_LOOPBACK = 2
    MODE_SILENT = 3
    MODE_SILENT_LOOPBACK = 4
    STATE_STOPPED = 0
    STATE_ACTIVE = 1
    STATE_WARNING = 2
    STATE_PASSIVE = 3
    STATE_BUS_OFF = 4
    FLAG_RTR = 1
    FLAG_EXT_ID = 2
    FLAG_UNORDERED = 16
    RECV_ERR_FULL = 1
    RECV_ERR_OVERRUN = 2
    IRQ_TX = 1
    IRQ_RX = 2
    IRQ_TX_FAILED = 4
    IRQ_STATE = 8
    IRQ_TX_IDX_SHIFT = 16
    IRQ_TX_IDX_MASK = 255
    TX_QUEUE_LEN = _TX_SLOTS
    FILTERS_MAX = 28

    def __new__(cls, id, *args, **kwargs):
        if id != 1:
            raise ValueError("CAN(%s) doesn't exist" % id)
        # One controller, one object, as in the C implementation.
        return _controller or object.__new__(cls)

    def __init__(self, id, *args, **kwargs):
        global _controller
        if _controller is None:
            _controller = self
            self._ring = bytearray(_RING * _SLOT_BYTES)
            self._buffer = bytearray(_CHUNK)
            self._view = memoryview(self._buffer)
            self._poll = select.poll()
            self._state = CAN.STATE_STOPPED
            self._socket = None
            self._given = self._whole = None
        self.init(*args, **kwargs)

    def init(self, bitrate, mode=0, sample_point=75, sjw=1, tseg1=None, tseg2=None):
        if bitrate not in _BITRATES:
            raise ValueError("unable to calculate BRP for baudrate")
        if mode not in (0, 1, 2, 3, 4):
            raise ValueError("mode")
        if not 0 < sample_point < 100:
            raise ValueError("sample_point")
        self.deinit()
        self._bitrate = bitrate
        self._mode = mode
        self._timing = (sjw, tseg1 or 11, tseg2 or 4)
        self._filters = ()
        self._handler = None
        self._trigger = 0
        self._irq = _Irq(self)
        self._counters = [0] * 8
        self._clear()
        self._connect()

    def deinit(self):
        self._close()
        self._state = CAN.STATE_STOPPED

    def restart(self):
        self._require_init()
        self._close()
        self._counters = [0] * 8
        self._tx = [None] * _TX_SLOTS
        self._done = []
        self._connect()

    def set_filters(self, filters):
        self._require_init()
        if filters is None:
            filters = ((0, 0, 0), (0, 0, 2))
        checked = []
        for identifier, mask, flags in filters:
            if flags & ~2:
                raise ValueError("flags")
            _check_id(identifier, flags)
            _check_id(mask, flags)
            checked.append((identifier, mask, flags))
        if len(checked) > CAN.FILTERS_MAX:
            raise ValueError("too many filters")
        self._filters = checked

    def send(self, id, data, flags=0):
        self._require_init()
        self._service()
        if len(data) > 8:
            raise OverflowError("data too long")
        _check_id(id, flags)
        if self._state == CAN.STATE_BUS_OFF:
            raise OSError(errno.EIO)
        if self._mode in (1, 3):
            return None  # a silent node never gets its frame onto the bus
        slot = self._free_slot(id, flags)
        if slot is None:
            return None
        self._tx[slot] = id
        if self._mode != 4 and not self._transmit(id, data, flags):
            self._tx[slot] = None
            return None
        if self._mode in (2, 4):
            self._store(id, flags & 3, data if not flags & 1 else bytes(len(data)))
        if self._mode == 4:
            self._finish(slot, 0)
        return slot

    def cancel_send(self, index):
        self._require_init()
        if not 0 <= index < _TX_SLOTS:
            raise IndexError
        return False  # the frame left with send(): there is nothing to hold back

    def recv(self, arg=None):
        self._require_init()
        if not self._count:
            self._service()
        if not self._count:
            return None
        if arg is None:
            arg = [0, memoryview(bytearray(8)), 0, 0]
        at = self._first * _SLOT_BYTES
        size = self._ring[at + 5]
        arg[0] = unpack_from("<I", self._ring, at)[0]
        arg[1] = self._resized(arg, size)
        arg[1][:] = memoryview(self._ring)[at + 6 : at + 6 + size]
        arg[2] = self._ring[at + 4]
        arg[3] = self._errors
        self._errors = 0
        self._first = (self._first + 1) % _RING
        self._count -= 1
        return arg

    def _resized(self, arg, size):
        # The C method changes the length of the view in place; here a new view on the same buffer.
        if arg[1] is not self._given:
            self._whole = arg[1]
        self._given = self._whole[:size]
        return self._given

    def irq(self, handler=None, trigger=0, hard=False):
        self._require_init()
        if handler is not None or trigger:
            if trigger & ~11:
                raise ValueError("trigger 0x%08x unsupported" % trigger)
            self._handler = handler
            self._trigger = trigger
        return self._irq

    def state(self):
        if self._state != CAN.STATE_STOPPED:
            self._service()
        return self._state

    def get_counters(self, list=None):
        self._require_init()
        self._service()
        self._counters[5] = sum(1 for slot in self._tx if slot is not None)
        self._counters[6] = self._count
        if list is None:
            return self._counters[:]
        list[:] = self._counters
        return list

    def get_timings(self, list=None):
        result = [self._bitrate] + [part for part in self._timing] + [None, None]
        if list is None:
            return result
        list[:] = result
        return list

    # Only here, not on hardware: sleep until the bus has something, at most `timeout_ms`.
    def wait(self, timeout_ms):
        self._require_init()
        if not self._count:
            self._poll.poll(timeout_ms)
        self._service()
        return self._count

    def __repr__(self):
        return "CAN(1, bitrate=%d, mode=%d)" % (self._bitrate, self._mode)

    # --- the wire ---

    def _require_init(self):
        if self._state == CAN.STATE_STOPPED:
            raise OSError(errno.EINVAL)

    def _clear(self):
        self._first = self._count = self._errors = self._pending = self._have = 0
        self._tx = [None] * _TX_SLOTS
        self._done = []

    def _connect(self):
        self._state = CAN.STATE_ACTIVE
        self._have = 0
        if self._mode == 4:
            return
        if not vboard.CAN_ADDRESS:
            self._bus_off()
            return
        host, _, port = vboard.CAN_ADDRESS.partition(":")
        self._socket = socket.socket()
        try:
            self._socket.connect(socket.getaddrinfo(host, int(port))[0][-1])
            self._socket.setblocking(False)
            speed = b"S%d\r" % _BITRATES[self._bitrate]
            self._write(speed + (b"L\r" if self._mode in (1, 3) else b"O\r"))
        except OSError:
            self._bus_off()
            return
        if self._socket:
            self._poll.register(self._socket, select.POLLIN)

    def _close(self):
        if self._socket:
            try:
                self._poll.unregister(self._socket)
            except (OSError, KeyError):  # it was never registered
                pass
            self._socket.close()
            self._socket = None

    def _bus_off(self):
        self._close()
        self._state = CAN.STATE_BUS_OFF
        self._counters[0] = 256
        self._counters[4] += 1
        self._pending |= CAN.IRQ_STATE
        for slot in range(_TX_SLOTS):
            if self._tx[slot] is not None:
                self._finish(slot, CAN.IRQ_TX_FAILED)

    def _write(self, line):
        try:
            sent = self._socket.write(line)
        except OSError:
            sent = 0
            self._bus_off()
        if sent is not None and 0 < sent < len(line):
            self._bus_off()  # half a line would garble the next one
        return sent == len(line)

    def _free_slot(self, id, flags):
        free = None
        for slot in range(_TX_SLOTS):
            waiting = self._tx[slot]
            if waiting is None:
                free = slot if free is None else free
            elif waiting == id and not flags & CAN.FLAG_UNORDERED:
                return None  # the controller could not keep their order
        return free

    def _transmit(self, id, data, flags):
        letter = "tTrR"[(1 if flags & 2 else 0) + (2 if flags & 1 else 0)]
        head = ("%s%08X%d" if flags & 2 else "%s%03X%d") % (letter, id, len(data))
        body = b"" if flags & 1 else hexlify(data)
        return self._write(head.encode() + body + b"\r")

    def _finish(self, slot, failed):
        self._tx[slot] = None
        if self._trigger & CAN.IRQ_TX and len(self._done) < 2 * _TX_SLOTS:
            self._done.append(CAN.IRQ_TX | failed | slot << CAN.IRQ_TX_IDX_SHIFT)

    def _take_flags(self):
        flags = self._pending & self._trigger
        self._pending &= ~flags
        if self._count and not self._seen:
            flags |= CAN.IRQ_RX & self._trigger
            self._seen = True
        if self._done:
            flags |= self._done.pop(0)
        return flags

    def _service(self):
        if self._socket:
            self._read()
        if self._handler and (
            self._done
            or self._pending & self._trigger
            or (self._count and self._trigger & CAN.IRQ_RX)
        ):
            handler, self._handler = self._handler, None  # not from within itself
            self._seen = False
            try:
                handler(self)
            finally:
                self._handler = handler

    def _read(self):
        for _ in range(16):
            try:
                size = self._socket.readinto(self._view[self._have :])
            except OSError:
                size = 0
            if size is None:
                return
            if not size:
                self._bus_off()
                return
            self._have += size
            self._split()

    def _split(self):
        start = 0
        while True:
            end = self._buffer.find(b"\r", start, self._have)
            if end < 0:
                break
            self._line(start, end)
            start = end + 1
        rest = self._have - start
        if rest >= 64:  # longer than any line: not slcan
            self._counters[1] += 1
            rest = 0
        self._buffer[:rest] = self._view[self._have - rest : self._have]
        self._have = rest

    def _line(self, start, end):
        while start < end and self._buffer[start] == 7:  # BEL: the adapter refused something
            self._counters[0] += 1
            start += 1
        if start == end:
            return
        kind = self._buffer[start]
        if kind in _KINDS:
            self._frame(_KINDS[kind], start + 1, end)

    def _frame(self, flags, start, end):
        digits = 8 if flags & 2 else 3
        try:
            id = int(bytes(self._view[start : start + digits]), 16)
            size = self._buffer[start + digits] - 48
            body = bytes(self._view[start + digits + 1 : end])
            data = bytes(size) if flags & 1 else unhexlify(body)
        except (ValueError, IndexError):
            self._counters[1] += 1
            return
        if not 0 <= size <= 8 or len(data) != size:
            self._counters[1] += 1
            return
        self._store(id, flags, data)

    def _store(self, id, flags, data):
        if not self._accepts(id, flags):
            return
        if self._count == _RING:
            self._counters[7] += 1
            self._errors |= CAN.RECV_ERR_OVERRUN
            return
        at = (self._first + self._count) % _RING * _SLOT_BYTES
        pack_into("<IBB", self._ring, at, id, flags, len(data))
        self._ring[at + 6 : at + 6 + len(data)] = data
        self._count += 1
        if self._count == _RING:
            self._errors |= CAN.RECV_ERR_FULL

    def _accepts(self, id, flags):
        for identifier, mask, wanted in self._filters:
            if wanted == flags & 2 and not (id ^ identifier) & mask:
                return True
        return False


def _check_id(id, flags):
    if not 0 <= id < (1 << 29 if flags & 2 else 1 << 11):
        raise ValueError("invalid id")


def wait_for_interrupt(timeout_ms):
    if _controller is None or _controller._socket is None:
        select.poll().poll(timeout_ms)
    else:
        _controller.wait(timeout_ms)
