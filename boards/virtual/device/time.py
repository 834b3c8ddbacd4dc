# The clock as on a microcontroller: what the battery-backed clock says, which may be wrong.
# The epoch is the unix port's, 1970.
from utime import *
import utime
from vboard import clock_offset_s


def time():
    return int(utime.time()) + clock_offset_s()


def time_ns():
    return utime.time_ns() + clock_offset_s() * 1_000_000_000


def gmtime(seconds=None):
    return utime.gmtime(time() if seconds is None else seconds)


localtime = gmtime  # a microcontroller knows no time zone
