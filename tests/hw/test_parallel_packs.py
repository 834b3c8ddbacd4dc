"""Two packs in parallel: like one of twice the size where equal, fair and bounded where not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.can.database import vehicle_bus
from hw.model.battery_nodes import BatteryManagement, Charger
from hw.model.nodes import Clock
from hw.model.packs import discharge, mean_soc, open_circuit_v
from hw.model.physics import Inputs, State, step
from hw.vehicle_config import VehicleConfig, load_vehicle
from hw.virtual_bus import VirtualBus

TWO = load_vehicle("delta-cargo")
FIRST, SECOND = TWO.packs
# What the two are together.
ONE = replace(TWO, packs=(replace(FIRST, capacity_ah=120.0, resistance_ohm=0.028),))


def test_two_equal_packs_are_one_of_twice_the_size() -> None:
    two = one = State(soc=0.7)
    for _ in range(2000):
        two = step(TWO, two, Inputs(drive=1.0), 0.02)
        one = step(ONE, one, Inputs(drive=1.0), 0.02)
    for name in ("speed_mps", "soc", "pack_v", "pack_a", "motor_temp_c"):
        assert getattr(two, name) == pytest.approx(getattr(one, name), rel=1e-9)
    assert two.pack_socs == pytest.approx((two.soc, two.soc))


def test_two_motors_are_one_of_twice_the_power_and_warm_like_it() -> None:
    two = load_vehicle("tadpole-passenger")
    motor = two.motors[0]
    twice = ("power_w", "torque_nm", "heat_capacity_j_per_k", "cooling_w_per_k")
    double = replace(motor, **{name: 2 * getattr(motor, name) for name in twice})
    one = replace(two, motors=(double,))
    a = b = State()
    for _ in range(2000):
        a, b = (step(config, s, Inputs(drive=1.0), 0.02) for config, s in ((two, a), (one, b)))
    assert a.speed_mps > 5
    assert a.motor_temp_c > State().motor_temp_c + 1
    assert (a.speed_mps, a.motor_temp_c) == pytest.approx((b.speed_mps, b.motor_temp_c))


def test_currents_share_themselves_by_resistance() -> None:
    packs = (FIRST, replace(SECOND, resistance_ohm=3 * FIRST.resistance_ohm))
    first, second = discharge(packs, (0.6, 0.6), 3000.0, 0.0, 1.0).currents_a
    assert first == pytest.approx(3 * second)


def test_a_full_pack_feeds_an_empty_one_until_both_are_equal() -> None:
    socs: tuple[float, ...] = (0.8, 0.5)
    shared = discharge(TWO.packs, socs, 0.0, 0.0, 1.0)
    assert shared.current_a == pytest.approx(0)
    assert shared.currents_a[0] > 0 > shared.currents_a[1]
    for _ in range(4000):
        socs = discharge(TWO.packs, socs, 0.0, 0.0, 5.0).socs
    assert socs == pytest.approx((0.65, 0.65), abs=0.01)


def test_an_empty_pack_leaves_the_other_to_carry_everything() -> None:
    shared = discharge(TWO.packs, (0.0, 0.5), 2000.0, 0.0, 1.0)
    assert shared.currents_a == pytest.approx((0.0, shared.current_a))
    assert shared.socs[0] == 0.0
    assert discharge(TWO.packs, (0.0, 0.0), 2000.0, 0.0, 1.0).current_a == 0.0
    charged = discharge(TWO.packs, (0.0, 0.0), 25.0, 20.0, 60.0)
    assert charged.socs[0] == charged.socs[1] > 0


@given(
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.floats(0, 8000),
    st.sampled_from([0.0, 60.0]),
    st.floats(0.0002, 1),
    st.floats(1, 1000),
)
def test_currents_add_up_and_every_joined_pack_meets_the_common_voltage(
    socs: tuple[float, float], power_w: float, charge_a: float, ohm: float, ah: float
) -> None:
    packs = (FIRST, replace(SECOND, resistance_ohm=ohm, capacity_ah=ah))
    shared = discharge(packs, socs, power_w, charge_a, 0.02)
    assert sum(shared.currents_a) == pytest.approx(shared.current_a, abs=1e-6)
    assert 0 <= mean_soc(packs, shared.socs) <= 1
    for pack, soc, current in zip(packs, socs, shared.currents_a, strict=True):
        if soc > 0 or charge_a > 0:
            terminals = open_circuit_v(pack, soc) - current * pack.resistance_ohm
            assert terminals == pytest.approx(shared.voltage_v, abs=1e-6)
        else:
            assert current == 0


def node_values(config: VehicleConfig, state: State) -> tuple[dict[str, int], dict[str, int]]:
    """What the battery management says of its cells, and the charger of its current."""
    bus, database, clock = VirtualBus(), vehicle_bus(), Clock()
    battery = BatteryManagement(bus, database, clock, 0, config.packs)
    charger = Charger(bus, database, clock, 0, config.packs)
    battery.state = charger.state = state
    charger.plugged = True
    return dict(battery.values("BMS_Cells")), dict(charger.values("CHG_Status"))


def test_cells_count_on_from_pack_to_pack_and_the_charger_serves_both() -> None:
    cells, charger = node_values(TWO, State(soc=0.5, pack_socs=(0.6, 0.4), pack_v=74.0))
    assert (cells["CellMinIndex"], cells["CellMaxIndex"]) == (39, 0)
    assert charger["Current_dA"] == 600
    cells, _ = node_values(TWO, State(soc=0.5, pack_socs=(0.4, 0.6), pack_v=74.0))
    assert (cells["CellMinIndex"], cells["CellMaxIndex"]) == (19, 20)
    cells, charger = node_values(ONE, State(soc=0.5, pack_v=74.0))
    assert (cells["CellMinIndex"], cells["CellMaxIndex"]) == (19, 0)
    assert charger["Current_dA"] == 600


def test_thirty_one_cells_twice_still_fit_the_signal() -> None:
    packs = tuple(replace(pack, cells=31) for pack in TWO.packs)
    cells, _ = node_values(replace(TWO, packs=packs), State(pack_socs=(0.6, 0.4), pack_v=110.0))
    database = vehicle_bus()
    frame = database.encode("BMS_Cells", cells, 0)
    _, decoded = database.decode(database.identifier("BMS_Cells"), frame)
    assert decoded["CellMinIndex"] == 61
