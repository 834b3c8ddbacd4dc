"""The side of the packs: packs, fuses, contactors, motor controller, motors, charger, converter."""

from hw import electrical
from hw.harness.model import Component, Harness, Net, Part, length_between
from hw.places import Place
from hw.vehicle_schema import Motor, Pack, VehicleConfig

RED, BLACK = "RD", "BK"
PHASES = (("YE", "U"), ("GN", "V"), ("BU", "W"))
HALL = (("RD", "5V"), ("BK", "GND"), ("YE", "HA"), ("GN", "HB"), ("BU", "HC"))
THERMISTORS = ("WH", "GY")
SENSOR_A = 0.1
CONVERTER_A = 4.0  # from the packs: 12 V and 15 A
COIL_A = 1.0
# What protects sensor wires is their supply, which gives no more.
SENSOR_LIMIT_A = 0.5


def add_power(harness: Harness, config: VehicleConfig, where: dict[str, Place]) -> None:
    """Everything on the voltage of the packs. Raises ConfigError."""
    harness.sheet = "power"
    harness.bar("BARP", "Bus bar", "plus, bolts M8, covered")
    harness.bar("BARN", "Bus bar", "minus, bolts M8, covered")
    _add_controller(harness, config)
    for number, pack in enumerate(config.packs, 1):
        _add_pack(harness, config, where, number, pack)
    _power_pair(harness, config, where, "MC", electrical.drive_current_a(config))
    for number, motor in enumerate(config.motors, 1):
        _add_motor(harness, config, where, number, motor)
    _add_charger(harness, config, where)
    _add_converter(harness, config, where)


def _add_controller(harness: Harness, config: VehicleConfig) -> None:
    count = len(config.motors)
    current = electrical.phase_current_a(config)
    pins = ["B+", "B-", "CANH", "CANL", "EN", "EN_GND"]
    for number in range(1, count + 1):
        pins += [f"M{number}-{pin}" for _, pin in (*PHASES, *HALL, *_thermistors(config))]
    kind = "one motor" if count == 1 else "two motors, one node on the bus"
    pull = Component("Resistor 10 kΩ, 1 %, 0.25 W", 1, "EN to EN_GND: an open line is off")
    harness.add(
        Part(
            "MC",
            "Motor controller",
            f"{electrical.nominal_v(config):.0f} V, {current:.0f} A a phase, {kind}",
            tuple(pins),
            node="MC",
            components=(pull,),
            note="EN is a hardware input beside VCU_Drive: torque takes both.",
        )
    )


def _add_pack(
    harness: Harness, config: VehicleConfig, where: dict[str, Place], number: int, pack: Pack
) -> None:
    """Pack, main fuse and contactor; its management drives the coil, the VCU never does."""
    name, fuse, contactor = f"PACK{number}", f"F{number}", f"K{number}"
    current = electrical.drive_current_a(config)
    pins = ["B+", "B-", "K+", "K-"]
    pins += ["CANH", "CANL"] if number == 1 else []
    pins += ["LINK+", "LINK-"] if len(config.packs) > 1 else []
    harness.add(
        Part(
            name,
            "Battery pack with management",
            f"{pack.cells} cells in series, {pack.capacity_ah:g} Ah, precharge inside",
            tuple(pins),
            node="BMS" if number == 1 else "",
            components=(
                Component("Thermistor NTC 10 kΩ", config.sensors.pack_thermistors, "in the pack"),
            ),
        )
    )
    rating = electrical.fuse_for(current)
    harness.add(_fuse(fuse, rating))
    subtype = f"{electrical.contactor_for(current):g} A, coil 12 V with its own suppressor"
    contact = Part(contactor, "Contactor", subtype, ("1", "2", "A1", "A2"), "power distribution")
    harness.add(contact)
    for net in (
        Net(name, fuse, ((RED, "B+", "1"),)),
        Net(fuse, contactor, ((RED, "2", "1"),)),
        Net(contactor, "BARP", ((RED, "2", "*"),)),
        Net(name, "BARN", ((BLACK, "B-", "*"),)),
    ):
        _strong(harness, config, where, net, current)
    coil = Net(name, contactor, (("RD", "K+", "A1"), ("BK", "K-", "A2")))
    length = length_between(where, coil)
    fed = electrical.feed(COIL_A, length, electrical.SUPPLY_V)
    harness.join(
        coil,
        gauge_mm2=fed.gauge_mm2,
        length_m=length,
        current_a=COIL_A,
        protected_a=fed.fuse_a,
    )


def _add_motor(
    harness: Harness, config: VehicleConfig, where: dict[str, Place], number: int, motor: Motor
) -> None:
    name = f"M{number}"
    senses = (*HALL, *_thermistors(config))
    harness.add(
        Part(
            name,
            "Motor",
            f"{motor.power_w:.0f} W, {motor.torque_nm:g} Nm, {motor.wheels}",
            tuple(pin for _, pin in (*PHASES, *senses)),
            components=(
                Component("Thermistor NTC 10 kΩ", config.sensors.motor_thermistors, "winding"),
            ),
        )
    )
    phases = Net("MC", name, tuple((colour, f"M{number}-{p}", p) for colour, p in PHASES))
    _strong(harness, config, where, phases, electrical.phase_current_a(config), fused=False)
    hall = Net("MC", name, tuple((colour, f"M{number}-{p}", p) for colour, p in senses))
    _signal(harness, where, hall, kind="screened")


def _thermistors(config: VehicleConfig) -> tuple[tuple[str, str], ...]:
    return tuple(
        (THERMISTORS[number], f"T{number + 1}")
        for number in range(config.sensors.motor_thermistors)
    )


def _add_charger(harness: Harness, config: VehicleConfig, where: dict[str, Place]) -> None:
    current = electrical.charge_current_a(config)
    voltage = electrical.nominal_v(config)
    pins = ("L", "N", "PE", "DC+", "DC-", "CANH", "CANL")
    subtype = f"{voltage:.0f} V, {current:g} A"
    harness.add(Part("CHG", "Charger", subtype, pins, node="CHG"))
    inlet = Part("INLET", "Charging inlet", "230 V, 16 A, IP67", ("L", "N", "PE"))
    harness.add(inlet)
    mains = Net("INLET", "CHG", (("BN", "L", "L"), ("BU", "N", "N"), ("GNYE", "PE", "PE")))
    length = length_between(where, mains)
    # 16 A is what a socket's breaker gives: IEC 60364-5-52 asks for 2.5 mm².
    harness.join(mains, gauge_mm2=2.5, length_m=length, current_a=10.0, protected_a=16.0)
    fed = _fused(harness, config, where, "FCHG", "CHG", "DC+", current)
    back = Net("BARN", "CHG", ((BLACK, "*", "DC-"),))
    _at(harness, where, back, fed)


def _add_converter(harness: Harness, config: VehicleConfig, where: dict[str, Place]) -> None:
    """Isolated: the 12 V side has no wire to the packs."""
    subtype = f"{electrical.nominal_v(config):.0f} V to 13.8 V, 15 A, isolated"
    pins = ("IN+", "IN-", "OUT+", "OUT-")
    harness.add(Part("DCDC", "Converter", subtype, pins))
    fed = _fused(harness, config, where, "FDC", "DCDC", "IN+", CONVERTER_A)
    _at(harness, where, Net("BARN", "DCDC", ((BLACK, "*", "IN-"),)), fed)


def _fused(
    harness: Harness,
    config: VehicleConfig,
    where: dict[str, Place],
    fuse: str,
    part: str,
    pin: str,
    current: float,
) -> electrical.Feed:
    """From the plus bar over a fuse to a part."""
    first, second = Net("BARP", fuse, ((RED, "*", "1"),)), Net(fuse, part, ((RED, "2", pin),))
    length = sum(length_between(where, net) for net in (first, second))
    fed = electrical.feed(current, length, electrical.nominal_v(config))
    harness.add(_fuse(fuse, fed.fuse_a))
    for net in (first, second):
        _at(harness, where, net, fed)
    return fed


def _fuse(name: str, rating_a: float) -> Part:
    kind = "bolted, ISO 8820-5" if rating_a > 30 else "blade, ISO 8820-3, sealed holder"
    return Part(name, "Fuse", f"{rating_a:g} A, {kind}", ("1", "2"), "power distribution")


def _power_pair(
    harness: Harness, config: VehicleConfig, where: dict[str, Place], part: str, current: float
) -> None:
    for net in (
        Net("BARP", part, ((RED, "*", "B+"),)),
        Net("BARN", part, ((BLACK, "*", "B-"),)),
    ):
        _strong(harness, config, where, net, current)


def _strong(
    harness: Harness,
    config: VehicleConfig,
    where: dict[str, Place],
    net: Net,
    current: float,
    *,
    fused: bool = True,
) -> None:
    """Behind a main fuse, or behind the controller, which bounds its phases by itself."""
    length = length_between(where, net)
    protected = electrical.fuse_for(current) if fused else current
    gauge = electrical.gauge_for(current, protected, length, electrical.nominal_v(config))
    harness.join(net, gauge_mm2=gauge, length_m=length, current_a=current, protected_a=protected)


def _at(harness: Harness, where: dict[str, Place], net: Net, fed: electrical.Feed) -> None:
    harness.join(
        net,
        gauge_mm2=fed.gauge_mm2,
        length_m=length_between(where, net),
        current_a=fed.current_a,
        protected_a=fed.fuse_a,
    )


def _signal(harness: Harness, where: dict[str, Place], net: Net, *, kind: str) -> None:
    harness.join(
        net,
        gauge_mm2=min(electrical.AMPACITY_A),
        length_m=length_between(where, net),
        current_a=SENSOR_A,
        protected_a=SENSOR_LIMIT_A,
        kind=kind,
    )
