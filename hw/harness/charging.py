"""Charging inlet, charger, and the converter to 12 V."""

from hw import electrical
from hw.harness.model import Component, Net, Part
from hw.harness.wiring import Wiring

MAINS = (("BN", "AC_L", "AC_L"), ("BU", "AC_N", "AC_N"), ("GNYE", "PE", "PE"))
MAINS_PINS = ("AC_L", "AC_N", "PE")
CONVERTER_A = 4.0  # from the packs: 13.8 V and 15 A


def add_charging(wiring: Wiring) -> None:
    """What hangs on the bus bars beside the drive. Raises ConfigError."""
    current = electrical.charge_current_a(wiring.config)
    mains = Component("Mains plug, 3 poles, touch-proof", 1, "apart from the low voltage")
    pins = (*MAINS_PINS, "DC+", "DC-", "CANH", "CANL")
    words = f"{wiring.pack_v:.0f} V, {current:g} A, isolated"
    wiring.harness.add(Part("CHG", "Charger", words, pins, node="CHG", components=(mains,)))
    wiring.harness.add(Part("INLET", "Charging inlet", "230 V, 16 A, IP67", MAINS_PINS))
    wiring.mains(Net("INLET", "CHG", MAINS))
    _behind_fuse(wiring, "FCHG", "CHG", ("DC+", "DC-"), current)
    words = f"{wiring.pack_v:.0f} V to 13.8 V, 15 A, isolated"
    wiring.harness.add(Part("DCDC", "Converter", words, ("IN+", "IN-", "OUT+", "OUT-")))
    _behind_fuse(wiring, "FDC", "DCDC", ("IN+", "IN-"), CONVERTER_A)


def _behind_fuse(
    wiring: Wiring, fuse: str, part: str, pins: tuple[str, str], current_a: float
) -> None:
    """From the plus bar over a fuse to a part, and back to the minus bar."""
    there = [Net("BARP", fuse, (("RD", "*", "1"),)), Net(fuse, part, (("RD", "2", pins[0]),))]
    back = Net("BARN", part, (("BK", "*", pins[1]),))
    wiring.fuse(fuse, wiring.fed(there, current_a, wiring.pack_v))
    wiring.fed([back], current_a, wiring.pack_v)
