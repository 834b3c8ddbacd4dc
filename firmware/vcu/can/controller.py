"""What the controllers written in Python share: the constants of machine.CAN, and its checks."""

import errno

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vcu.can.shape import Arg, Data, Filter, Handler, Values

_TSEG1_MOST = 16
_TSEG2_MOST = 8
_QUANTA_LEAST = 8


class Controller:
    """Checks arguments as the C implementation does, and raises what it raises."""

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
    IRQ_STATE = 8
    FILTERS_MAX = 32

    def __init__(self) -> None:
        self._state = self.STATE_STOPPED
        self._handler: "Handler | None" = None
        self._trigger = 0
        self._counters = [0] * 8
        self._given: "memoryview | None" = None
        self._views: "list[memoryview]" = []

    def _require(self) -> None:
        if self._state == self.STATE_STOPPED:
            raise OSError(errno.EINVAL)

    def _check_frame(self, identifier: int, data: "Data", flags: int) -> None:
        if len(data) > 8:
            raise OverflowError("data too long")
        self._check_id(identifier, flags)

    def _check_id(self, identifier: int, flags: int) -> None:
        if not 0 <= identifier < (1 << 29 if flags & self.FLAG_EXT_ID else 1 << 11):
            raise ValueError("invalid id")

    def _checked_filters(self, filters: "Iterable[Filter] | None") -> "list[Filter]":
        if filters is None:
            return [(0, 0, 0), (0, 0, self.FLAG_EXT_ID)]
        out = []
        for identifier, mask, flags in filters:
            if flags & ~self.FLAG_EXT_ID:
                raise ValueError("flags")
            self._check_id(identifier, flags)
            self._check_id(mask, flags)
            out.append((identifier, mask, flags))
        if len(out) > self.FILTERS_MAX:
            raise ValueError("too many filters")
        return out

    def _check_trigger(self, trigger: int) -> None:
        # Neither backend says which frame left.
        if trigger & ~(self.IRQ_RX | self.IRQ_STATE):
            raise ValueError("trigger unsupported")

    def _adopt(self, arg: "Arg") -> None:
        # The C method changes the length of the caller's view in place. Here it is replaced by one
        # of nine of the same buffer, made when the list is seen for the first time.
        if arg[1] is not self._given:
            self._given = arg[1]  # type: ignore[assignment]
            self._make_views(arg[1])  # type: ignore[arg-type]

    # Apart: a variable of a comprehension costs memory wherever the function is called.
    def _make_views(self, whole: memoryview) -> None:
        self._views = [whole[:size] for size in range(9)]

    def _view(self, arg: "Arg", size: int) -> memoryview:
        view = self._views[size]
        self._given = view
        arg[1] = view
        return view

    def _enter(self, state: int) -> None:
        # Entering a worse state is counted, at 2 and 3, which are the states' numbers, and 4.
        while self._state < state:
            self._state += 1
            if self._state > self.STATE_ACTIVE:
                self._counters[self._state] += 1
        self._state = state

    def _filled(self, into: "Values | None") -> "Values":
        out: "Values" = [0] * 8 if into is None else into
        for i in range(8):
            out[i] = self._counters[i]
        return out


def timing(clock_hz: int, bitrate: int, sample_point: int) -> "tuple[int, int, int]":
    """(brp, tseg1, tseg2) of the exact bit rate, with as many quanta as classic CAN allows.

    Raises ValueError if there is none.
    """
    for brp in range(1, 257):
        quanta, rest = divmod(clock_hz, brp * bitrate)
        if quanta < _QUANTA_LEAST:
            break
        tseg2 = quanta - (quanta * sample_point + 50) // 100
        tseg1 = quanta - 1 - tseg2
        if not rest and 1 <= tseg2 <= _TSEG2_MOST and 1 <= tseg1 <= _TSEG1_MOST:
            return brp, tseg1, tseg2
    raise ValueError("unable to calculate BRP for baudrate")
