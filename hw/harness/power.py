"""Packs, main fuses, contactors, motor controller and motors."""

from hw import electrical
from hw.harness.model import Component, Net, Part
from hw.harness.wiring import Wiring
from hw.vehicle_schema import Motor, Pack

RED, BLACK = "RD", "BK"
PHASES = (("YE", "U"), ("GN", "V"), ("BU", "W"))
HALL = (("RD", "5V"), ("BK", "GND"), ("YE", "HA"), ("GN", "HB"), ("BU", "HC"))
# A thermistor's other end is the sensors' GND.
THERMISTORS = (("WH", "T1"), ("GY", "T2"))
COIL_A = 0.3  # at the voltage of the packs: it closes before there is 12 V


def add_power(wiring: Wiring) -> None:
    """From the packs to the motors. Raises ConfigError."""
    wiring.harness.sheet = "power"
    wiring.harness.bar("BARP", "Bus bar", "plus, bolts M8, covered")
    wiring.harness.bar("BARN", "Bus bar", "minus, bolts M8, covered")
    _add_controller(wiring)
    for number, pack in enumerate(wiring.config.packs, 1):
        _add_pack(wiring, number, pack)
    current = electrical.drive_current_a(wiring.config)
    for bar, colour, pin in (("BARP", RED, "B+"), ("BARN", BLACK, "B-")):
        wiring.fed([Net(bar, "MC", ((colour, "*", pin),))], current, wiring.pack_v)
    for number, motor in enumerate(wiring.config.motors, 1):
        _add_motor(wiring, number, motor)


def _senses(wiring: Wiring) -> tuple[tuple[str, str], ...]:
    return (*HALL, *THERMISTORS[: wiring.config.sensors.motor_thermistors])


def _add_controller(wiring: Wiring) -> None:
    config = wiring.config
    count = len(config.motors)
    pins = ["B+", "B-", "CANH", "CANL", "EN", "EN_GND"]
    for number in range(1, count + 1):
        pins += [f"M{number}-{pin}" for _, pin in (*PHASES, *_senses(wiring))]
    kind = "one motor" if count == 1 else "two motors, one node on the bus"
    current = electrical.phase_current_a(config)
    pull = Component("Resistor 10 kΩ, 1 %, 0.25 W", 1, "EN to EN_GND: an open line is off")
    wiring.harness.add(
        Part(
            "MC",
            "Motor controller",
            f"{wiring.pack_v:.0f} V, {current:.0f} A a phase, {kind}",
            tuple(pins),
            node="MC",
            components=(pull,),
            note="EN is a hardware input beside VCU_Drive: torque takes both.",
        )
    )


def _add_pack(wiring: Wiring, number: int, pack: Pack) -> None:
    """Pack, main fuse and contactor; its management drives the coil, the VCU never does."""
    name, fuse, contactor = f"PACK{number}", f"F{number}", f"K{number}"
    current = electrical.drive_current_a(wiring.config)
    wiring.harness.add(_pack(wiring, number, pack))
    wiring.fuse(fuse, electrical.fuse_for(current))
    words = f"{electrical.contactor_for(current):g} A, coil {wiring.pack_v:.0f} V with suppressor"
    pins = ("1", "2", "A1", "A2")
    wiring.harness.add(Part(contactor, "Contactor", words, pins, "power distribution"))
    for net in (
        Net(name, fuse, ((RED, "B+", "1"),)),
        Net(fuse, contactor, ((RED, "2", "1"),)),
        Net(contactor, "BARP", ((RED, "2", "*"),)),
        Net(name, "BARN", ((BLACK, "B-", "*"),)),
    ):
        wiring.fed([net], current, wiring.pack_v)
    coil = Net(name, contactor, ((RED, "K+", "A1"), (BLACK, "K-", "A2")))
    wiring.fed([coil], COIL_A, wiring.pack_v)


def _pack(wiring: Wiring, number: int, pack: Pack) -> Part:
    """The first one's management is the node on the bus; the second one talks to it."""
    pins = ["B+", "B-", "K+", "K-"]
    pins += ["CANH", "CANL"] if number == 1 else []
    pins += ["LINK+", "LINK-"] if len(wiring.config.packs) > 1 else []
    count = wiring.config.sensors.pack_thermistors
    return Part(
        f"PACK{number}",
        "Battery pack with management",
        f"{pack.cells} cells in series, {pack.capacity_ah:g} Ah, precharge inside",
        tuple(pins),
        node="BMS" if number == 1 else "",
        components=(Component("Thermistor NTC 10 kΩ", count, "in the pack"),),
    )


def _add_motor(wiring: Wiring, number: int, motor: Motor) -> None:
    """The controller bounds the current of the phases by itself."""
    name, senses = f"M{number}", _senses(wiring)
    count = wiring.config.sensors.motor_thermistors
    wiring.harness.add(
        Part(
            name,
            "Motor",
            f"{motor.power_w:.0f} W, {motor.torque_nm:g} Nm, {motor.wheels}",
            tuple(pin for _, pin in (*PHASES, *senses)),
            components=(Component("Thermistor NTC 10 kΩ", count, "winding"),),
        )
    )
    phases = Net("MC", name, tuple((colour, f"M{number}-{pin}", pin) for colour, pin in PHASES))
    current = electrical.phase_current_a(wiring.config)
    wiring.bounded(phases, current, current, wiring.pack_v)
    hall = Net("MC", name, tuple((colour, f"M{number}-{pin}", pin) for colour, pin in senses))
    wiring.signal(hall, "screened")
