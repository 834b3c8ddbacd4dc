"""The registers of an MCP2518FD, and how they are reached over SPI.

Addresses and bits are those of the data sheet DS20006027 and the family's manual DS20005678.
"""

import errno

from vcu.can.controller import Controller

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import SPI, Pin

    from vcu.can.shape import Data, Filter

_RESET, _WRITE, READ = 0x0000, 0x2000, 0x3000
_CON, _NBTCFG, INT, TXREQ, TREC = 0x000, 0x004, 0x01C, 0x030, 0x034
FIFOCON1, FIFOSTA1 = 0x05C, 0x060
FIFO_STEP = 12
_FLTCON, _FLTOBJ, _MASK = 0x1D0, 0x1F0, 0x1F4
RAM, _OSC = 0x400, 0xE00
_OSC_READY = 0x04  # of the second byte
CONFIGURATION = 4
_CON_START = 0x0400_0760  # configuration mode; neither transmit queue nor event FIFO
_RX_FIFO = 0x1F00_0401  # 32 frames of 8 bytes, reset, interrupt while not empty
_TX_FIFO = 0x0060_0480  # one frame, unlimited attempts, reset, transmits
UINC, TXREQ_UINC = 1, 3  # of a FIFOCON's second byte
NOT_EMPTY, FULL, OVERFLOW = 1, 4, 8
RX_IE, CERR_IE = 0x02, 0x20  # of the third and fourth byte of CiINT
CERR = 0x20  # of its second byte
_EXIDE = 0x4000_0000
IDE, RTR = 0x10, 0x20
OBJECT = 16
_TX_AT = RAM + 32 * OBJECT  # FIFO 2 lies behind FIFO 1
EWARN, PASSIVE, BUS_OFF = 0x01, 0x18, 0x20  # of TREC's third byte
WENT_OFF = 0x80  # of BDIAG1's third byte
_ABORT = 0x08
_TRIES = 200  # of a mode change, which waits for the end of a frame: 1 ms of SPI at least


class Wire:
    """One transfer at a time; the driver sees to that. Buffers are made once."""

    def __init__(self, spi: "SPI", cs: "Pin") -> None:
        self._spi = spi
        self._cs = cs
        self._byte = bytearray(3)
        self._word = bytearray(6)
        cs(1)

    def transfer(self, buffer: bytearray, command: int) -> None:
        """Two bytes of command in front, the rest is sent and replaced by what comes."""
        buffer[0] = command >> 8
        buffer[1] = command & 0xFF
        self._cs(0)
        self._spi.write_readinto(buffer, buffer)
        self._cs(1)

    def read_byte(self, address: int) -> int:
        self.transfer(self._byte, READ | address)
        return self._byte[2]

    def write_byte(self, address: int, value: int) -> None:
        self._byte[2] = value
        self.transfer(self._byte, _WRITE | address)

    def _write_word(self, address: int, value: int) -> None:
        for i in range(4):
            self._word[2 + i] = value >> 8 * i & 0xFF
        self.transfer(self._word, _WRITE | address)

    # --- modes ---

    def operating_mode(self) -> int:
        return self.read_byte(_CON + 2) >> 5

    def ask(self, mode: int) -> None:
        """Does not wait: a mode with a bus takes eleven recessive bits, which may never come."""
        self.write_byte(_CON + 3, mode)

    def stop(self) -> None:
        """Leave the bus; what waits is given up."""
        self.write_byte(_CON + 3, _ABORT | CONFIGURATION)

    def _configure(self) -> None:
        for _ in range(_TRIES):
            self.ask(CONFIGURATION)
            if self.operating_mode() == CONFIGURATION:
                return
        raise OSError(errno.ENODEV)

    def start(self, timing: "tuple[int, int, int, int]", buffers: int) -> None:
        """Resets the chip and leaves it configured. OSError(ENODEV) if it does not answer."""
        self._configure()
        self.transfer(bytearray(2), _RESET)
        self._configure()
        if not self.read_byte(_OSC + 1) & _OSC_READY:
            raise OSError(errno.ENODEV)
        brp, tseg1, tseg2, sjw = timing
        self._write_word(_CON, _CON_START)
        bits = (brp - 1) << 24 | (tseg1 - 1) << 16 | (tseg2 - 1) << 8 | (sjw - 1)
        self._write_word(_NBTCFG, bits)
        self._write_word(FIFOCON1, _RX_FIFO)
        for i in range(1, 1 + buffers):
            self._write_word(FIFOCON1 + FIFO_STEP * i, _TX_FIFO)

    def filter(self, filters: "list[Filter]") -> None:
        # A filter must be off while it is changed.
        for i in range(8):
            self._write_word(_FLTCON + 4 * i, 0)
        for i in range(len(filters)):
            identifier, mask, flags = filters[i]
            kind = _EXIDE if flags & Controller.FLAG_EXT_ID else 0
            self._write_word(_FLTOBJ + 8 * i, _packed(identifier, flags) | kind)
            self._write_word(_MASK + 8 * i, _packed(mask, flags) | _EXIDE)
            self.write_byte(_FLTCON + i, 0x81)  # on, into FIFO 1

    # --- frames ---

    def read_object(self, frame: bytearray, at: int) -> None:
        """The oldest received one, and makes room for another."""
        self.transfer(frame, READ | RAM + at)
        self.write_byte(FIFOCON1 + 1, UINC)

    def load(self, buffer: int, frame: bytearray, short: int) -> None:
        """`frame` has its object behind two free bytes; `short` is its identifier's upper part."""
        at = _TX_AT + OBJECT * buffer
        self.transfer(frame, _WRITE | at)
        at = FIFOCON1 + FIFO_STEP * (buffer + 1)
        # Among its buffers the chip goes by a priority of five bits.
        self.write_byte(at + 2, 0x7F - (short >> 6))
        self.write_byte(at + 1, TXREQ_UINC)

    def cancel(self, buffer: int) -> None:
        self.write_byte(FIFOCON1 + FIFO_STEP * (buffer + 1) + 1, 0)


def _packed(identifier: int, flags: int) -> int:
    # The upper 11 bits of a long identifier come first.
    if not flags & Controller.FLAG_EXT_ID:
        return identifier
    return identifier >> 18 | (identifier & 0x3FFFF) << 11


def put_identifier(out: bytearray, identifier: int, extended: int) -> None:
    # In bytes: as one number it would not fit a small integer.
    short = identifier >> 18 if extended else identifier
    low = identifier & 0x3FFFF if extended else 0
    out[2] = short & 0xFF
    out[3] = short >> 8 | (low & 0x1F) << 3
    out[4] = low >> 5 & 0xFF
    out[5] = low >> 13


def put_data(out: bytearray, data: "Data", flags: int) -> None:
    out[6] = len(data) | (flags & Controller.FLAG_EXT_ID) << 3 | (flags & Controller.FLAG_RTR) << 5
    out[7] = out[8] = out[9] = 0
    if not flags & Controller.FLAG_RTR:
        out[10 : 10 + len(data)] = data


def identifier_of(frame: bytearray) -> int:
    short = frame[2] | (frame[3] & 7) << 8
    if not frame[6] & IDE:
        return short
    return short << 18 | frame[3] >> 3 | frame[4] << 5 | (frame[5] & 0x1F) << 13
