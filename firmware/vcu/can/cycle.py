"""Cyclic frames at absolute deadlines: a late turn does not shift the ones after it."""

from protocol import can
from protocol.can_table import MESSAGES

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcu.can.port import Port


_NOTHING = b""  # no signal has such a value


class Cycle:
    """One message of the table: its values, when it is due, and its alive counter.

    `values` stand in the table's order; `send` allocates nothing.
    """

    def __init__(self, port: "Port", name: str, now_ms: int) -> None:
        self.name = name
        self._port = port
        self._row = MESSAGES.row(name)
        self._plan = can.plan(self._row)
        self._slot = port.queue.slot(can.identifier_of(self._row))
        self.period_ms = can.cycle_ms(self._row)
        self.due_ms = now_ms + self.period_ms
        self.missed = 0
        self.values: "list[int | bytes]" = [0] * (len(MESSAGES.names(self._row)) - 1)
        self._encoded: "list[int | bytes]" = [_NOTHING] * len(self.values)  # what `_data` has
        self._data = bytearray(8)
        self._alive = 15

    def advance(self, now_ms: int) -> bool:
        """True once for each deadline that has come; missed ones are counted, not made up for."""
        if now_ms < self.due_ms:
            return False
        late = (now_ms - self.due_ms) // self.period_ms
        self.missed += late
        self.due_ms += (late + 1) * self.period_ms
        return True

    def resume(self, now_ms: int) -> None:
        """Due now, after a time in which it was not to be sent: nothing was missed."""
        self.due_ms = now_ms

    def set(self, signals: "dict[str, int]") -> None:
        """Values by name; those left out are 0. Raises KeyError for a name that it has not."""
        names = MESSAGES.names(self._row)
        for i in range(len(self.values)):
            self.values[i] = signals.get(names[i + 1], 0)
        for name in signals:
            if name not in names[1:]:
                raise KeyError(name)

    def send(self) -> bool:
        """Queue the values. A frame that still waits is replaced and gives its counter back, so the
        bus sees no gap. False if the port does not speak now."""
        if not self._port.speaks():
            return False
        queue = self._port.queue
        if not queue.withdraw(self._slot):
            self._alive = (self._alive + 1) & 15
        if self.values == self._encoded:
            can.seal(self._row, self._alive, self._data)
        else:
            self._encoded[0] = _NOTHING
            can.encode_into(self._row, self._plan, self.values, self._alive, self._data)
            for i in range(len(self.values)):  # a slice would be a list of its own
                self._encoded[i] = self.values[i]
        queue.commit(self._slot, self._data)
        self._port.pump()
        return True
