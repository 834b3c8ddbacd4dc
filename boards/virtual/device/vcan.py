# machine.CAN as MicroPython documents it, over slcan on TCP instead of a controller.
# A bus that is not there, or goes away, is a bus-off: only restart() ends it.
#
# Interrupts: the unix port has none, so handlers run when the controller is looked at: in every
# method of CAN, in machine.idle() and in CAN.wait(). What the bus sends meanwhile waits in the
# socket; frames that do not fit the ring are lost and counted, as on a chip.
import errno
import select
from micropython import const
from struct import pack_into, unpack_from
import vboard
from utime import ticks_add, ticks_diff, ticks_ms
from vslcan import PASSIVE, WARNING, Wire, speed_number

_TX_SLOTS = const(3)
_RING = const(128)
_SLOT_BYTES = const(14)  # identifier 4, flags 1, length 1, data 8
_TRIGGERS = const(1 | 2 | 8)
_BUS_OFF_TEC = const(256)
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
            self._ring = bytearray(_RING * _SLOT_BYTES)
            self._wire = None
            self._given = self._whole = None
            self._news = self._heard = False
            self._state = CAN.STATE_STOPPED
            _controller = self
        self.init(*args, **kwargs)

    def init(self, bitrate, mode=0, sample_point=75, sjw=1, tseg1=None, tseg2=None):
        self._speed = speed_number(bitrate)
        if self._speed is None:
            raise ValueError("unable to calculate BRP for baudrate")
        if not 0 <= mode <= 4:
            raise ValueError("mode")
        if not 0 < sample_point < 100:
            raise ValueError("sample_point")
        self.deinit()
        self._mode = mode
        self._timings = [bitrate, sjw, tseg1 or 11, tseg2 or 4, None, None]
        self._filters = ()
        self._handler = None
        self._trigger = self._pending = 0
        self._irq = _Irq(self)
        self._first = self._count = self._errors = 0
        self._seen = False
        self.restart(False)

    def deinit(self):
        self._disconnect()
        self._state = CAN.STATE_STOPPED

    def restart(self, check=True):
        if check:
            self._require_init()
        self._disconnect()
        self._counters = [0] * 8
        self._tx = [None] * _TX_SLOTS
        self._sent = []  # slots in the order of their sending
        self._done = []
        self._connect()

    def set_filters(self, filters):
        self._require_init()
        if filters is None:
            filters = ((0, 0, 0), (0, 0, CAN.FLAG_EXT_ID))
        checked = []
        for identifier, mask, flags in filters:
            if flags & ~CAN.FLAG_EXT_ID:
                raise ValueError("flags")
            _check_id(identifier, flags)
            _check_id(mask, flags)
            checked.append((identifier, mask, flags))
        if len(checked) > CAN.FILTERS_MAX:
            raise ValueError("too many filters")
        self._filters = checked

    def send(self, id, data, flags=0):
        self._require_init()
        if len(data) > 8:
            raise OverflowError("data too long")
        _check_id(id, flags)
        self._service()
        if self._state == CAN.STATE_BUS_OFF:
            raise OSError(errno.EIO)
        slot = self._free_slot(id, flags)
        if slot is None or not self._transmit(id, data, flags):
            return None
        if self._mode in (CAN.MODE_LOOPBACK, CAN.MODE_SILENT_LOOPBACK) and not vboard.CAN_BROKEN:
            self._store(id, flags & 3, bytes(len(data)) if flags & CAN.FLAG_RTR else data)
        if self._mode != CAN.MODE_SILENT_LOOPBACK:
            self._tx[slot] = id
            self._sent.append(slot)
        return slot

    def cancel_send(self, index):
        self._require_init()
        if not 0 <= index < _TX_SLOTS:
            raise IndexError
        return False  # the frame left with send(): it cannot be called back

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

    def irq(self, handler=None, trigger=0, hard=False):
        self._require_init()
        if handler is not None or trigger:
            if trigger & ~_TRIGGERS:
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
        self._counters[1] = self._wire.bad_lines if self._wire else 0
        self._counters[5] = len(self._sent)
        self._counters[6] = self._count
        return _filled(list, self._counters)

    def get_timings(self, list=None):
        return _filled(list, self._timings)

    # Only here, not on hardware: sleeps until a frame is received or sent, a handler ran or the bus
    # is lost, at most `timeout_ms`. Returns how many frames recv() has.
    def wait(self, timeout_ms):
        self._require_init()
        self._service()
        deadline = ticks_add(ticks_ms(), timeout_ms)
        while not (self._count or self._news):
            left = ticks_diff(deadline, ticks_ms())
            if left <= 0:
                break
            if self._wire:
                self._wire.wait(left)
            else:
                select.poll().poll(left)
            self._service()
        self._news = False
        return self._count

    def __repr__(self):
        return "CAN(1, bitrate=%d, mode=%d)" % (self._timings[0], self._mode)

    # --- the controller ---

    def _require_init(self):
        if self._state == CAN.STATE_STOPPED:
            raise OSError(errno.EINVAL)

    def _connect(self):
        self._state = CAN.STATE_ACTIVE
        if self._mode == CAN.MODE_SILENT_LOOPBACK:
            return
        silent = self._mode in (CAN.MODE_SLEEP, CAN.MODE_SILENT)
        try:
            if not vboard.CAN_ADDRESS:
                raise OSError(errno.ENODEV)
            self._wire = Wire(
                vboard.CAN_ADDRESS, self._speed, silent, self._store, self._finish, self._status
            )
        except OSError:
            self._bus_off()

    def _disconnect(self):
        if self._wire:
            self._wire.close()
            self._wire = None

    def _bus_off(self):
        self._disconnect()
        self._state = CAN.STATE_BUS_OFF
        self._counters[0] = _BUS_OFF_TEC
        self._counters[4] += 1
        self._pending |= CAN.IRQ_STATE
        self._news = True
        while self._sent:
            self._finish(False)

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
        if self._mode == CAN.MODE_SILENT_LOOPBACK:
            return True
        if self._mode in (CAN.MODE_SLEEP, CAN.MODE_SILENT):
            return False  # a silent node never gets its frame onto the bus
        try:
            return self._wire.send(id, data, flags)
        except OSError:
            self._bus_off()
            return False

    def _finish(self, ok):
        if not self._sent:
            return  # an answer to the opening of the channel
        self._news = True
        slot = self._sent.pop(0)
        self._tx[slot] = None
        if self._trigger & CAN.IRQ_TX and len(self._done) < 2 * _TX_SLOTS:
            failed = 0 if ok else CAN.IRQ_TX_FAILED
            self._done.append(CAN.IRQ_TX | failed | slot << CAN.IRQ_TX_IDX_SHIFT)

    def _status(self, flags):
        before = self._state
        if flags & PASSIVE:
            self._state = CAN.STATE_PASSIVE
        else:
            self._state = CAN.STATE_WARNING if flags & WARNING else CAN.STATE_ACTIVE
        if self._state > before:
            self._counters[self._state] += 1  # 2 and 3 count these two, as their numbers are
            self._pending |= CAN.IRQ_STATE

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
        if self._wire:
            try:
                self._wire.read()
            except OSError:
                self._bus_off()
        self._seen = False
        if self._handler and (
            self._done
            or self._pending & self._trigger
            or (self._count and self._trigger & CAN.IRQ_RX)
        ):
            handler, self._handler = self._handler, None  # not from within itself
            self._news = True  # it may have taken the frames that wait() waits for
            try:
                handler(self)
            finally:
                self._handler = handler

    def _store(self, id, flags, data):
        self._heard = True
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
            if wanted == flags & CAN.FLAG_EXT_ID and not (id ^ identifier) & mask:
                return True
        return False

    def _resized(self, arg, size):
        # The C method changes the length of the view in place; here a new view on the same buffer.
        if arg[1] is not self._given:
            self._whole = arg[1]
        self._given = self._whole[:size]
        return self._given


def _filled(given, values):
    if given is None:
        return values[:]
    given[:] = values
    return given


def _check_id(id, flags):
    if not 0 <= id < (1 << 29 if flags & CAN.FLAG_EXT_ID else 1 << 11):
        raise ValueError("invalid id")


def wait_for_interrupt(timeout_ms):
    if _controller is None or _controller._state == CAN.STATE_STOPPED:
        select.poll().poll(timeout_ms)
    else:
        _controller.wait(timeout_ms)


def sleep_until_stirred(edges, bus, timeout_ms):
    # True if the bus has something (where it is listened to); False after an edge or the time.
    poll = select.poll()
    poll.register(edges, select.POLLIN)
    can = _controller
    if bus and can is not None and can._state != CAN.STATE_STOPPED and can._wire:
        if can._count:
            return True
        can._wire.listen(poll)
        can._heard = False
    for stream, _ in poll.poll(timeout_ms):
        if stream is edges:
            edges.read(8)
        else:
            can._service()
            if can._heard or can._state == CAN.STATE_BUS_OFF:
                return True
    return False
