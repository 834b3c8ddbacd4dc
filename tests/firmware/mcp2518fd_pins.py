"""The wires of the chip's model: SPI with chip select, and the interrupt."""


class MisuseError(AssertionError):
    """The driver did what the data sheet forbids."""


class InterruptPin:
    """Low while an enabled interrupt is pending. Edges are lost while `held`."""

    IRQ_FALLING = 2

    def __init__(self, chip):
        self._chip = chip
        self._handler = None
        self._level = 1
        self.held = False

    def __call__(self):
        return self._level

    def irq(self, handler=None, trigger=IRQ_FALLING, hard=False):
        if handler is not None and (trigger != self.IRQ_FALLING or not hard):
            raise MisuseError("the pin's interrupt is to be hard, on its falling edge")
        self._handler = handler

    def update(self):
        word = self._chip._int()
        before, self._level = self._level, 0 if word & word >> 16 & 0xFFFF else 1
        if before and not self._level and self._handler and not self.held:
            self._handler(self)


class Spi:
    """machine.SPI and the chip-select pin in one: a transfer needs the chip selected, once.

    `before` is called in the middle of a transfer, as an interrupt comes.
    """

    def __init__(self, chip):
        self._chip = chip
        self._selected = False
        self._done = True
        self.before = None
        self.transfers = 0

    def cs(self, level):
        if level == 0 and self._selected:
            raise MisuseError("selected within a transfer")
        if level and self._selected and not self._done:
            raise MisuseError("selected for nothing")
        self._selected = level == 0
        self._done = False

    def write_readinto(self, out, into):
        if not self._selected or self._done:
            raise MisuseError("a transfer without selecting the chip")
        self.transfers += 1
        if self.before:
            self.before()
        answer = self._chip.transfer(bytes(out))
        into[:] = answer
        self._done = True
