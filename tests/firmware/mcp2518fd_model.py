"""A register-level model of the MCP2518FD behind SPI, written from the data sheet (DS20006027) and
the family's manual (DS20005678), not from the driver. Misuse raises.

Modelled: SPI instructions without CRC, register reset values, what may be written in which mode,
RAM layout, FIFO pointers, message objects, filters, error counters, the interrupt pin. Not
modelled: CAN FD, the transmit queue and event FIFO, time stamps, the instructions with CRC, ECC.
"""

import struct

from mcp2518fd_frames import Fifo, arbitration, packed, unpacked
from mcp2518fd_pins import InterruptPin, MisuseError

CON, NBTCFG, TDC, INT, TXREQ, TREC, BDIAG0, BDIAG1 = (
    0x000, 0x004, 0x00C, 0x01C, 0x030, 0x034, 0x038, 0x03C,
)  # fmt: skip
FIFOS, FLTCON, FLTOBJ, SFR_END = 0x050, 0x1D0, 0x1F0, 0x2F0
RAM, RAM_END = 0x400, 0xC00
OSC, DEVID, SPECIAL_END = 0xE00, 0xE14, 0xE18
SLEEP, LISTEN, CONFIGURATION, CAN20 = 1, 3, 4, 6
TRANSMITTING = (2, 5, 6)  # internal loopback, external loopback, CAN 2.0
RESET_VALUES = {
    0x000: 0x04980760, 0x004: 0x003E0F0F, 0x008: 0x000E0303, 0x00C: 0x00021000,
    0x018: 0x40400040, 0x034: 0x00200000, 0x040: 0x00000400, 0x050: 0x00600400,
    0xE00: 0x00000460, 0xE04: 0x00000003, 0xE14: 0x00000014,
}  # fmt: skip
# What only configuration mode may change, by address of the byte: a mask of its bits.
CONFIGURATION_ONLY = {
    0x000: 0xFF, 0x001: 0x17, 0x002: 0x1F,
    **dict.fromkeys(range(4, 16), 255),
    0x043: 0x1F, 0x053: 0xFF,
    **{0x05C + 12 * n: 0xA0 for n in range(31)},  # TXEN, RXTSEN
    **{0x05F + 12 * n: 0xFF for n in range(31)},  # FSIZE, PLSIZE
}  # fmt: skip
READ_ONLY = (*range(0x010, 0x014), *range(0x018, 0x01C), *range(0x020, 0x030), *range(0x034, 0x038))


class Chip:
    """One chip on one bus. The bus side is below the registers."""

    def __init__(self, clock_hz=40_000_000):
        self.clock_hz = clock_hz
        self.interrupt = InterruptPin(self)
        self.stuck = False  # the bus is dominant for ever
        self.dead = False  # answers nothing
        self.lost = 0
        self.resets = 0
        self._delay = 0
        self._reset()

    def _reset(self):
        self._memory = bytearray(0x1000)
        for address, value in RESET_VALUES.items():
            struct.pack_into("<I", self._memory, address, value)
        self.fifos = [Fifo(number) for number in range(1, 32)]
        for fifo in self.fifos:
            struct.pack_into("<I", self._memory, self._con(fifo), 0x00600400)
        self._flags = 0  # of CiINT: those that software clears
        self._wanted = CONFIGURATION
        self.tec = self.rec = 0
        self.off = True

    @property
    def mode(self):
        return self._memory[CON + 2] >> 5

    # --- SPI: one call a transfer ---

    def transfer(self, out):
        self._settle()
        if self.dead:
            return bytes(len(out))
        if len(out) < 2:
            raise MisuseError("a transfer without a whole command")
        instruction, address = out[0] >> 4, (out[0] & 15) << 8 | out[1]
        if instruction == 0:
            if address or len(out) != 2 or self.mode != CONFIGURATION:
                raise MisuseError("reset outside of configuration mode, or with an address")
            self._reset()
            self.resets += 1
            return bytes(2)
        if instruction not in (2, 3):
            raise MisuseError(f"instruction {instruction:X}")
        if len(out) == 2:
            raise MisuseError("nothing to read or write")
        self._check_span(address, len(out) - 2)
        if instruction == 3:
            return bytes(2) + self._read(address, len(out) - 2)
        self._write(address, out[2:])
        return bytes(len(out))

    def _check_span(self, address, size):
        end = address + size
        for first, last in ((0, SFR_END), (OSC, SPECIAL_END)):
            if first <= address and end <= last:
                return
        if not (address >= RAM and end <= RAM_END):
            raise MisuseError(f"0x{address:03X} to 0x{end:03X} is neither register nor RAM")
        if address % 4 or size % 4:
            raise MisuseError("RAM is read and written in whole words")

    def _settle(self):
        # A requested mode comes after a frame's end; one with a bus needs it recessive.
        if self._wanted == self.mode or (self.stuck and self._wanted != CONFIGURATION):
            return
        if self._delay:
            self._delay -= 1
            return
        before = self.mode
        self._memory[CON + 2] = self._memory[CON + 2] & 0x1F | self._wanted << 5
        if self._wanted == CONFIGURATION:
            self.off = True  # as the reset value of TREC has it
            self.tec = self.rec = 0
            for fifo in self.fifos:
                fifo.reset()
        elif before == CONFIGURATION:
            self.off = False
            self._lay_out()
        self.interrupt.update()

    def _lay_out(self):
        if self._memory[CON + 2] & 0x18:
            raise MisuseError("transmit queue or event FIFO on: not modelled")
        at = RAM
        for fifo in self.fifos:
            at = fifo.lay(at, *self._memory[self._con(fifo) : self._con(fifo) + 4])
        if at > RAM_END:
            raise MisuseError("the FIFOs do not fit the RAM")

    # --- registers ---

    @staticmethod
    def _con(fifo):
        return FIFOS + 12 * fifo.number

    def _read(self, address, size):
        return bytes(self._byte(at) for at in range(address, address + size))

    def _byte(self, at):
        word = at & ~3
        if 0x05C <= at < FLTCON:
            return self._fifo_byte(at)
        computed = {INT: self._int, TXREQ: self._txreq, TREC: self._trec}.get(word)
        if computed is None:
            return self._memory[at]
        return computed() >> 8 * (at & 3) & 0xFF

    def _fifo_byte(self, at):
        fifo, register = self._fifo(at)
        if register < 4:
            return self._memory[at] | (fifo.requested << 1 if register == 1 else 0)
        if register < 8:
            return fifo.status() >> 8 * (register - 4) & 0xFF
        if self.mode == CONFIGURATION:
            raise MisuseError("a FIFO's address is not valid in configuration mode")
        return fifo.user_address() - RAM >> 8 * (register - 8) & 0xFF

    def _fifo(self, at):
        number, register = divmod(at - FIFOS, 12)
        return self.fifos[number - 1], register

    def _int(self):
        enabled = struct.unpack_from("<H", self._memory, INT + 2)[0]
        return self._flags | self._pending() << 1 | enabled << 16

    def _pending(self):
        return any(f.wants(self._memory[self._con(f)]) for f in self.fifos if not f.transmits)

    def _txreq(self):
        return sum(1 << fifo.number for fifo in self.fifos if fifo.requested)

    def _trec(self):
        warn = (self.rec >= 96) << 17 | (self.tec >= 96) << 18
        passive = (self.rec >= 128) << 19 | (self.tec >= 128) << 20
        return (
            min(self.tec, 255) << 8 | min(self.rec, 255) | bool(warn) << 16 | warn | passive
            | self.off << 21
        )  # fmt: skip

    def _write(self, address, data):
        if RAM <= address < RAM_END:
            if self.mode != CONFIGURATION:
                self._check_object(address, len(data))
            self._memory[address : address + len(data)] = data
            return
        for i, value in enumerate(data):
            self._write_byte(address + i, value)
        self.interrupt.update()

    def _check_object(self, address, size):
        for fifo in self.fifos:
            if fifo.transmits and fifo.begins <= address < fifo.ends:
                if address + size > fifo.ends or fifo.requested:
                    raise MisuseError("a frame is written over another, or while it is sent")
                return
        raise MisuseError("a frame is written where the chip receives")

    def _write_byte(self, at, value):
        changed = self._memory[at] ^ value
        if self.mode != CONFIGURATION and changed & CONFIGURATION_ONLY.get(at, 0):
            raise MisuseError(f"0x{at:03X} may only be changed in configuration mode")
        if at in READ_ONLY or at >= 0xE14:
            raise MisuseError(f"0x{at:03X} is read only")
        if at == CON + 2:
            self._memory[at] = self._memory[at] & 0xE0 | value & 0x1F
        elif at == CON + 3:
            self._request(value)
        elif INT <= at < INT + 2:
            self._flags &= value << 8 * (at - INT) | 0xFF << 8 * (1 - at + INT)
        elif TXREQ <= at < TXREQ + 4:
            raise MisuseError("frames are requested by their FIFO")
        elif 0x05C <= at < FLTCON:
            self._write_fifo(at, value)
        elif FLTCON <= at < FLTOBJ:
            if self._memory[at] & 0x80 and value & 0x80 and changed & 0x1F:
                raise MisuseError("a filter's FIFO is changed while it is on")
            self._memory[at] = value
        elif FLTOBJ <= at < SFR_END:
            if self._memory[FLTCON + (at - FLTOBJ) // 8] & 0x80:
                raise MisuseError("a filter is changed while it is on")
            self._memory[at] = value
        else:
            self._memory[at] = value

    def _request(self, value):
        self._memory[CON + 3] = value & 0xF7
        if value & 8:
            for fifo in self.fifos:
                fifo.requested = False
        wanted = value & 7
        if wanted == self._wanted:
            return
        if wanted not in (CONFIGURATION, SLEEP) and self.mode != CONFIGURATION:
            raise MisuseError("from one mode to another goes through configuration mode")
        self._wanted = wanted
        self._delay = 3

    def _write_fifo(self, at, value):
        fifo, register = self._fifo(at)
        if register >= 8:
            raise MisuseError("a FIFO's address is read only")
        if register >= 4:
            if register == 4 and not value & 8:
                fifo.overflowed = False
            return
        if register != 1:
            self._memory[at] = value
            return
        if value & 4:
            fifo.reset()
        if value & 1:
            self._increment(fifo)
        if fifo.transmits and fifo.requested and not value & 2:
            fifo.abort()
        elif value & 2:
            if self.mode not in TRANSMITTING:
                raise MisuseError(f"a frame is to be sent in mode {self.mode}")
            fifo.request()

    def _increment(self, fifo):
        if self.mode == CONFIGURATION:
            raise MisuseError("UINC in configuration mode")
        if fifo.is_stopped():
            raise MisuseError("UINC of an empty FIFO that receives, or a full one that sends")
        fifo.increment()

    # --- the bus ---

    def deliver(self, identifier, data, flags=0):
        """A frame on the bus. True if it passed the filters and found room."""
        self._settle()
        if self.mode not in (LISTEN, 5, CAN20) or self.off:
            return False
        fifo = self._matching(identifier, flags)
        if fifo is None:
            return False
        if fifo.count == fifo.depth:
            fifo.overflowed = True
            self.lost += 1
        else:
            fifo.store(self._memory, packed(identifier, data, flags))
            self.rec = max(0, self.rec - 1)
        self.interrupt.update()
        return not fifo.overflowed or fifo.count < fifo.depth

    def _matching(self, identifier, flags):
        word, extended = arbitration(identifier, flags), flags >> 1 & 1
        for number in range(32):
            control = self._memory[FLTCON + number]
            wanted, mask = struct.unpack_from("<II", self._memory, FLTOBJ + 8 * number)
            if not control & 0x80 or (mask >> 30 & 1 and wanted >> 30 & 1 != extended):
                continue
            if not (word ^ wanted) & mask & (0x1FFFFFFF if extended else 0x7FF):
                fifo = self.fifos[(control & 31) - 1]
                if fifo.transmits or not control & 31:
                    raise MisuseError("a filter leads to a FIFO that sends")
                return fifo
        return None

    def leave(self):
        """The frames that the bus takes now: by the FIFOs' priority, the higher number first."""
        self._settle()
        out = []
        asked = [fifo for fifo in self.fifos if fifo.requested]
        asked.sort(key=lambda fifo: self._memory[self._con(fifo) + 2] & 31, reverse=True)
        for fifo in asked:
            out.append(unpacked(fifo.send(self._memory)))
            self.tec = max(0, self.tec - 1)
        return out

    def errors(self, tec, rec):
        """Errors on the wire, up to these values. A silent chip keeps its counters."""
        self._settle()
        self._memory[BDIAG0] = min(255, self._memory[BDIAG0] + (rec > 0))
        if self.mode != LISTEN:
            before = self._trec() >> 16
            self.tec, self.rec = tec, rec
            if tec > 255:
                self._go_off()
            if self._trec() >> 16 & ~before:
                self._flags |= 1 << 13
        self.interrupt.update()

    def _go_off(self):
        self.off = True
        self._memory[BDIAG1 + 2] |= 0x80
        for fifo in self.fifos:
            fifo.requested = False

    def recover(self):
        """128 times 11 recessive bits: it comes back by itself."""
        if self.mode != CONFIGURATION:
            self.off = False
            self.tec = self.rec = 0

    def bitrate(self):
        _, tseg2, tseg1, brp = self._memory[NBTCFG : NBTCFG + 4]
        return self.clock_hz // ((brp + 1) * (tseg1 + tseg2 + 3))

    def sample_point(self):
        _, tseg2, tseg1, _ = self._memory[NBTCFG : NBTCFG + 4]
        return 100 * (tseg1 + 2) // (tseg1 + tseg2 + 3)
