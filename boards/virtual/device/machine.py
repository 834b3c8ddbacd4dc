# The chip: what `machine` offers on the boards that this one stands for.
from umachine import *
from umachine import PinBase
import utime
import vboard
from vcan import CAN, wait_for_interrupt

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


def _check_pin(name):
    if name not in vboard.PINS:
        raise ValueError("Pin(%s) doesn't exist" % name)


class Pin(PinBase):
    # A pin with nothing connected: an output reads back what was set, an input reads its pull.
    IN = 0
    OUT = 1
    OPEN_DRAIN = 17
    PULL_NONE = 0
    PULL_UP = 1
    PULL_DOWN = 2

    def __init__(self, id, mode=IN, pull=PULL_NONE, value=None):
        _check_pin(id)
        self._name = id
        self._level = 0
        self.init(mode, pull, value)

    def init(self, mode=IN, pull=PULL_NONE, value=None):
        self._mode = mode
        self._pull = pull
        if value is not None:
            self._level = 1 if value else 0

    def value(self, level=None):
        if level is not None:
            self._level = 1 if level else 0
            return None
        if self._mode == Pin.IN:
            return 1 if self._pull == Pin.PULL_UP else 0
        return self._level

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def __repr__(self):
        return "Pin(%s)" % self._name


class ADC:
    # An input with nothing connected reads 0.
    def __init__(self, pin):
        _check_pin(pin._name if isinstance(pin, Pin) else pin)

    def read_u16(self):
        return 0
