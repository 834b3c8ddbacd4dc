# The chip: what `machine` offers on the boards that this one stands for.
from umachine import *
from umachine import PinBase
import utime
import vboard
from vcan import CAN, sleep_until_stirred, wait_for_interrupt

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5


def reset_cause():
    return vboard.RESET_CAUSE


def unique_id():
    return vboard.UNIQUE_ID


def reset():
    vboard.ask(b"R")
    while True:  # the supervisor ends this process
        utime.sleep_ms(1000)


def idle():
    # Sleeps until an interrupt, at most until the next tick of 1 ms, as WFI with SysTick does.
    wait_for_interrupt(1)


class WDT:
    # Once started it cannot be stopped, and it goes on counting across a soft reset.
    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError("WDT(%d) doesn't exist" % id)
        if not 1 <= timeout <= 32768:
            raise ValueError("timeout")
        vboard.feed()
        vboard.ask(b"W", timeout)

    def feed(self):
        vboard.feed()


class RTC:
    def datetime(self, value=None):
        host = int(utime.time())
        if value is None:
            now = utime.gmtime(host + vboard.clock_offset_s())
            return (now[0], now[1], now[2], now[6] + 1, now[3], now[4], now[5], 0)
        year, month, day, _, hour, minute, second = value[:7]
        wanted = _seconds(year, month, day) + hour * 3600 + minute * 60 + second
        vboard.set_clock_offset_s(wanted - host)
        return None


def _seconds(year, month, day):
    # Days since 1970-01-01 of the Gregorian calendar, with March as the first month of a year.
    year -= month <= 2
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (365 * year + year // 4 - year // 100 + year // 400 + day_of_year - 719468) * 86400


class Pin(PinBase):
    # An output reads back what was set; an input what the host drives it to, else its pull.
    IN = 0
    OUT = 1
    OPEN_DRAIN = 17
    PULL_NONE = 0
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_FALLING = 1
    IRQ_RISING = 2

    def __init__(self, id, mode=IN, pull=PULL_NONE, value=None):
        self._number = vboard.pin_number(id)
        self._name = id
        self._level = 0
        self.init(mode, pull, value)

    def init(self, mode=IN, pull=PULL_NONE, value=None):
        self._mode = mode
        self._pull = pull
        if value is not None:
            self._level = 1 if value else 0
        self._tell()

    def value(self, level=None):
        if level is not None:
            self._set(level)
            return None
        if self._mode == Pin.IN:
            driven = vboard.driven(self._number)
            return (1 if self._pull == Pin.PULL_UP else 0) if driven is None else driven
        return self._level

    __call__ = value

    def _set(self, level):
        before, self._level = self._level, 1 if level else 0
        if self._level != before:
            self._tell()

    def _tell(self):
        # For the wires that lead from here to inputs.
        if self._mode != Pin.IN:
            vboard.ask(b"O", self._number << 1 | self._level)

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def irq(self, handler=None, trigger=IRQ_FALLING | IRQ_RISING, *, wake=0):
        # Only to wake the board: there are no interrupts here.
        if handler is not None or trigger & ~3 or not trigger or wake & ~(SLEEP | DEEPSLEEP):
            raise ValueError("irq")
        _wakes[self._number] = (trigger, wake)

    def __repr__(self):
        return "Pin(%s)" % self._name


class ADC:
    # An input with nothing connected reads 0.
    def __init__(self, pin):
        self._number = pin._number if isinstance(pin, Pin) else vboard.pin_number(pin)

    def read_u16(self):
        return vboard.driven(self._number) or 0


SLEEP = 2
DEEPSLEEP = 4
RTC_WAKE = 1
PIN_WAKE = 2
_FOREVER = 0xFFFFFFFF
_wakes = {}  # pin number -> (edges, kinds of sleep that it ends)
_wake_reason = vboard.WAKE_REASON


def wake_reason():
    # What ended the last sleep; 0 where there was none. The bus wakes through the pin CAN1_RX.
    return _wake_reason


def deepsleep(time_ms=None):
    # The end of the program: a start with the cause DEEPSLEEP_RESET follows when something wakes
    # the board. A watchdog that runs goes on running.
    for number in _wakes:
        edges, kinds = _wakes[number]
        if kinds & DEEPSLEEP:
            vboard.ask(b"A", number | edges << 8)
    vboard.ask(b"D", _FOREVER if time_ms is None else time_ms)
    while True:  # the supervisor ends this process
        utime.sleep_ms(1000)


def lightsleep(time_ms=None):
    # Returns when a frame comes, an armed pin changes, or the time is over. Memory is kept.
    global _wake_reason
    armed = [number for number in _wakes if _wakes[number][1] & SLEEP]
    before = [vboard.driven(number) for number in armed]
    begin = utime.ticks_ms()
    bus = vboard.pin_number("CAN1_RX") in armed
    while True:
        left = -1
        if time_ms is not None:
            left = time_ms - utime.ticks_diff(utime.ticks_ms(), begin)
            if left <= 0:
                _wake_reason = RTC_WAKE
                return
        if sleep_until_stirred(vboard.edges, bus, left):
            _wake_reason = PIN_WAKE
            return
        after = [vboard.driven(number) for number in armed]
        for at in range(len(armed)):
            if _edge(before[at], after[at]) & _wakes[armed[at]][0]:
                _wake_reason = PIN_WAKE
                return
        before = after


def _edge(before, after):
    if after is None or bool(before) == bool(after):
        return 0
    return Pin.IRQ_RISING if after else Pin.IRQ_FALLING
