"""The wiring of every vehicle and of every board's box: nothing left open, nothing too thin."""

from collections import Counter
from dataclasses import replace

import pytest
from cantools.database import load_file
from hypothesis import given
from hypothesis import strategies as st

from boards.description import read_description
from boards.pins import read_pins
from hw.can.database import DBC
from hw.electrical import AMPACITY_A, FUSES_A
from hw.errors import ConfigError
from hw.harness.box import box
from hw.harness.loom import loom, terminals
from hw.harness.model import Cable, Harness
from hw.harness.rules import breaches
from hw.harness.sources import box_of, loom_of
from hw.vehicle_checks import BOARDS, board_names
from hw.vehicle_config import VehicleConfig, load_vehicle, vehicle_names

CONFIGS = [load_vehicle(name) for name in vehicle_names()]
each_vehicle = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
each_board = pytest.mark.parametrize("board", board_names())
PASSENGER, TWO_PACKS = load_vehicle("delta-passenger"), load_vehicle("delta-cargo")
TWO_MOTORS = load_vehicle("tadpole-passenger")
# Where each signal of pins.csv must come out of the box.
OUTSIDE = {
    "can_standby": set(),
    "can_tx": {"CANH", "CANL"},
    "drive_enable": {"EN"},
    "lock_actuator": {"LOCK+"},
    "lock_sense": {"SENSE"},
    "door_release": {"DOOR+"},
    "lights": {"LAMPF", "LAMPR"},
    "horn": {"HORN"},
    "wake_button": {"WAKE"},
    "led": {"LED+"},
}


def neighbours(harness: Harness) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """The other ends of the wires at each pin."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for cable in harness.cables:
        for wire in cable.wires:
            found.setdefault(wire.start, []).append(wire.end)
            found.setdefault(wire.end, []).append(wire.start)
    return found


def between(harness: Harness, first: str, second: str) -> list[Cable]:
    return [
        cable
        for cable in harness.cables
        if {cable.wires[0].start[0], cable.wires[0].end[0]} == {first, second}
    ]


@each_board
def test_each_signal_of_a_board_is_wired_exactly_once(board: str) -> None:
    harness, wired = box_of(board), neighbours(box_of(board))
    pins = read_pins(BOARDS / board)
    signals = [pin.signal for pin in pins if pin.header != "on the board"]
    assert {pin.signal for pin in pins} - set(signals) <= {"led"}
    assert set(signals) >= {"can_rx", "can_standby", "drive_enable", "supply_sense"}
    labels = {pin.split()[0]: pin for pin in harness.parts["BOARD"].pins}
    assert [len(wired["BOARD", labels[signal]]) for signal in signals] == [1] * len(signals)


@each_board
def test_each_signal_comes_out_where_the_vehicle_expects_it(board: str) -> None:
    harness, wired = box_of(board), neighbours(box_of(board))
    labels = {pin.split()[0]: pin for pin in harness.parts["BOARD"].pins}
    for signal, expected in OUTSIDE.items():
        if signal not in labels:
            continue  # no can_tx where a controller is between, no led where it is on the board
        (name, pin) = wired["BOARD", labels[signal]][0]
        through = harness.parts[name]
        if name == "Q":  # a switch: its input beside its outputs
            pins = {f"OUT_{one}" for one in expected}
        elif signal == "can_standby":
            pins = set()
        else:
            pins = set(through.pins) - {pin}
        out = {end[1] for one in pins for end in wired.get((name, one), []) if end[0] == "X1"}
        assert out == expected, signal


@each_board
def test_plug_of_the_box_and_plug_of_the_loom_are_one(board: str) -> None:
    plug = box_of(board).parts["X1"].pins
    loom_plug = loom_of(PASSENGER, board).parts["VCU"].pins
    assert plug == loom_plug and len(plug) in (18, 20)
    assert breaches(loom_of(PASSENGER, board)) == []
    assert breaches(box_of(board)) == []


@each_board
@pytest.mark.parametrize(("level", "rail"), [("high", "R3V3"), ("low", "RGND")])
def test_the_transceiver_s_standby_pin_is_pulled_to_standby(
    board: str, level: str, rail: str
) -> None:
    """Also while the board has no program: it must not disturb its own bootloader."""
    described = read_description(BOARDS / board)
    described = replace(described, can=replace(described.can, standby_level=level))
    harness = box(described, read_pins(BOARDS / board))
    wired = neighbours(harness)
    ends = [end for end in wired["U1", "STB"] if end[0] != "BOARD"]
    assert [name for name, _ in ends] == ["RSTB"]
    assert {end[0] for pin in ("1", "2") for end in wired["RSTB", pin]} == {"U1", rail}
    assert harness.parts["RSTB"].type == "Resistor 10 kΩ, 1 %, 0.25 W"


@each_board
def test_what_moves_something_is_off_where_nobody_drives_it(board: str) -> None:
    wired = neighbours(box_of(board))
    for signal in ("drive_enable", "lock_actuator", "door_release", "lights", "horn"):
        resistors = [name for name, _ in wired["Q", signal] if name != "BOARD"]
        assert len(resistors) == 1
        assert [name for name, _ in wired[resistors[0], "2"]] == ["RGND"]


@each_vehicle
def test_drive_enable_is_a_line_of_its_own_and_off_when_open(config: VehicleConfig) -> None:
    harness = loom_of(config)
    wired = neighbours(harness)
    assert wired["VCU", "EN"] == [("MC", "EN")]
    assert wired["VCU", "EN_GND"] == [("MC", "EN_GND")]
    pulls = [one for one in harness.parts["MC"].components if "EN to EN_GND" in one.why]
    assert [one.name.split()[0] for one in pulls] == ["Resistor"]


@each_vehicle
def test_the_bus_is_one_line_through_every_node_with_two_terminations(
    config: VehicleConfig,
) -> None:
    harness = loom_of(config)
    wired = neighbours(harness)
    for pin in ("CANH", "CANL"):
        way, before = ["TERM1"], ""
        while len(following := [e for e in wired[way[-1], pin] if e[0] != before]) == 1:
            assert following[0][1] == pin
            before, way = way[-1], [*way, following[0][0]]
        assert way[-1] == "TERM2"
        nodes = [harness.parts[name].node for name in way[1:-1]]
        assert sorted(nodes) == sorted(node.name for node in load_file(DBC).nodes)
    ends = [part for part in harness.parts.values() if "120 Ω" in str(part.components)]
    assert [part.name for part in ends] == ["TERM1", "TERM2"]


def test_without_a_receiver_there_is_no_wire_to_it() -> None:
    bare = replace(PASSENGER.sensors, gnss=False, steering=False)
    harness = loom_of(replace(PASSENGER, sensors=bare))
    assert not {"GNSS", "STEER"} & set(harness.parts)
    assert breaches(harness) == []


def fused_a(harness: Harness, cable: Cable) -> float:
    """The largest fuse of what a cable joins directly."""
    names = {cable.wires[0].start[0], cable.wires[0].end[0]}
    return max(
        (
            float(harness.parts[name].subtype.split()[0])
            for name in names
            if harness.parts[name].type == "Fuse"
        ),
        default=0.0,
    )


@each_vehicle
def test_every_wire_carries_what_its_fuse_lets_through(config: VehicleConfig) -> None:
    harness = loom_of(config)
    for cable in harness.cables:
        carries = AMPACITY_A[cable.gauge_mm2]
        assert carries >= cable.protected_a >= cable.current_a
        assert carries >= fused_a(harness, cable)
        # Copper at about 20 °C has 0.0164 ohm mm²/m, there and back.
        lost_v = 0.0164 * 2 * cable.length_m / cable.gauge_mm2 * cable.current_a
        voltage = config.packs[0].cells * 3.6 if cable.sheet == "power" else 12.0
        if cable.current_a > 0.1 and cable.wires[0].start[0] != "INLET":
            assert lost_v <= 0.03 * voltage, cable


@each_vehicle
def test_one_pack_alone_may_drive_without_its_fuse_blowing(config: VehicleConfig) -> None:
    """Drive must not end in motion because the other pack opened its contactor."""
    harness = loom_of(config)
    full_a = sum(motor.power_w for motor in config.motors) / (config.packs[0].cells * 3.0)
    for number in range(1, len(config.packs) + 1):
        fuse = float(harness.parts[f"F{number}"].subtype.split()[0])
        contactor = float(harness.parts[f"K{number}"].subtype.split()[0])
        assert full_a * 1.25 <= fuse <= AMPACITY_A[between(harness, "BARP", "MC")[0].gauge_mm2]
        assert contactor >= full_a
        assert fuse in FUSES_A


def test_two_packs_and_two_motors_have_two_of_everything() -> None:
    packs, motors = Counter(), Counter()
    for name, part in loom_of(TWO_PACKS).parts.items():
        packs[part.type] += name.rstrip("12") in ("PACK", "F", "K")
    assert (packs["Battery pack with management"], packs["Fuse"], packs["Contactor"]) == (2, 2, 2)
    harness = loom_of(TWO_MOTORS)
    motors.update(part.type for part in harness.parts.values())
    assert (motors["Motor"], motors["Motor controller"]) == (2, 1)
    for name in ("M1", "M2"):
        assert sorted(len(cable.wires) for cable in between(harness, "MC", name)) == [3, 6]


def spoilt(change: str) -> Harness:
    """A right harness with one fault."""
    harness = loom(PASSENGER)
    cable = between(harness, "VCU", "MC")[0]
    at, wire = harness.cables.index(cable), cable.wires[0]
    if change == "missing":
        harness.cables[at] = replace(cable, wires=cable.wires[1:])
    elif change == "nowhere":
        harness.cables[at] = replace(cable, wires=(replace(wire, end=("MC", "E")), cable.wires[1]))
    elif change == "twice":
        harness.cables.append(cable)
    elif change == "itself":
        harness.cables[at] = replace(cable, wires=(replace(wire, end=wire.start), cable.wires[1]))
    else:
        harness.cables[0] = replace(harness.cables[0], gauge_mm2=2.5)
    return harness


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("missing", "MC:EN: expected 1 wires, has 0"),
        ("nowhere", "ends at MC:E, which is not there"),
        ("twice", "VCU:EN: expected 1 wires, has 2"),
        ("itself", "both ends at VCU:EN"),
        ("thin", "W1: 2.5 mm² for 125 A"),
    ],
)
def test_a_fault_is_named(change: str, words: str) -> None:
    assert breaches(loom(PASSENGER)) == []
    assert words in "; ".join(breaches(spoilt(change)))


@st.composite
def any_vehicle(draw: st.DrawFn) -> VehicleConfig:
    """Whatever is fitted, wherever it lies: one or two motors and packs, with or without."""
    config = draw(st.sampled_from(CONFIGS))
    cells, power = draw(st.integers(6, 31)), draw(st.floats(100, 60_000))
    pack = replace(config.packs[0], cells=cells, capacity_ah=draw(st.floats(1, 400)))
    other = replace(pack, left_m=draw(st.floats(-0.5, 0.5)))
    motor = replace(config.motors[0], power_w=power)
    pair = tuple(replace(motor, wheels=wheels) for wheels in ("left", "right"))
    one = replace(motor, wheels=draw(st.sampled_from(["pair", "single"])))
    sensors = replace(
        config.sensors,
        gnss=draw(st.booleans()),
        steering=draw(st.booleans()),
        motor_thermistors=draw(st.integers(1, 2)),
    )
    return replace(
        config,
        packs=draw(st.sampled_from([(pack,), (pack, other)])),
        motors=draw(st.sampled_from([(one,), pair])),
        sensors=sensors,
        geometry=replace(config.geometry, wheelbase_m=draw(st.floats(0.8, 5))),
    )


@given(any_vehicle())
def test_any_vehicle_gets_a_whole_harness_or_a_reason(config: VehicleConfig) -> None:
    try:
        harness = loom(config)
    except ConfigError as error:
        assert "take more cells in series or less power" in str(error)
        return
    assert breaches(harness) == []
    counted = Counter(name for sheet in harness.sheets() for name in shown(harness, sheet))
    assert counted == Counter(dict.fromkeys(harness.parts, 1))


def shown(harness: Harness, sheet: str) -> list[str]:
    """The parts that a sheet has in its bill of materials."""
    return [part.name for part in harness.on_sheet(sheet).parts.values() if part.counted]


def test_mains_share_no_plug_with_the_low_voltage() -> None:
    harness = loom_of(PASSENGER)
    assert [cable.wires[0].colour for cable in between(harness, "INLET", "CHG")] == ["BN"]
    assert terminals(harness)["Ferrule, 2.5 mm²"] == 6
    assert harness.parts["CHG"].plug == "Plug, sealed, IP67, 2 pins"
    assert "Mains plug, 3 poles, touch-proof" in [c.name for c in harness.parts["CHG"].components]


@each_vehicle
def test_every_wire_s_end_is_crimped_once(config: VehicleConfig) -> None:
    harness = loom_of(config)
    ends = sum(2 * len(cable.wires) for cable in harness.cables)
    shared = 2 * sum(1 for part in harness.parts.values() if part.node)  # the bus passes
    assert sum(terminals(harness).values()) == ends - shared


def test_a_vehicle_that_no_wire_carries_is_refused() -> None:
    motor = replace(PASSENGER.motors[0], power_w=30_000.0)
    with pytest.raises(ConfigError, match="take more cells in series or less power"):
        loom_of(replace(PASSENGER, motors=(motor,)))


def test_a_signal_without_a_way_and_one_that_is_missing_are_refused() -> None:
    described, pins = read_description(BOARDS / "virtual"), read_pins(BOARDS / "virtual")
    with pytest.raises(ConfigError, match=r"signal fan leads nowhere; give it a way in"):
        box(described, (*pins, replace(pins[0], signal="fan")))
    with pytest.raises(ConfigError, match="signal can_rx is missing"):
        box(described, pins[1:])
