"""The simulated vehicle on a bus with a scripted VCU: rider, motor controller, nodes, state."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hw_fakes import DRIVE, LOCK_PENDING, LOCKED, READY, ScriptedVcu, wait_until

from hw.can.database import vehicle_bus
from hw.errors import ConfigError
from hw.model.rider import Controls
from hw.model.route import load_routes
from hw.model.simulation import Simulation, SimulationSettings
from hw.vehicle_config import load_vehicle
from hw.virtual_bus import VirtualBus
from protocol import can as protocol_can

ROUTE = load_routes()[3]
CONFIG = load_vehicle("tadpole-cargo")
# In the middle of a street, so that no turn is near.
QUICK = SimulationSettings(reaction_s=0.0, route_m=60.0)
THROTTLE = Controls(key=True, gear="FORWARD", throttle=1.0)


@pytest.fixture
def simulation(bus: VirtualBus) -> Iterator[Simulation]:
    with Simulation(bus, CONFIG, ROUTE, seed=1, settings=QUICK) as running:
        yield running


def test_a_vehicle_without_a_receiver_has_no_such_node(bus: VirtualBus) -> None:
    config = replace(CONFIG, sensors=replace(CONFIG.sensors, gnss=False))
    heard: set[int] = set()
    bus.attach(lambda identifier, data: heard.add(identifier))
    of = vehicle_bus().identifier
    with Simulation(bus, config, ROUTE, settings=QUICK):
        wait_until(lambda: of("HMI_Heartbeat") in heard and of("CHG_Heartbeat") in heard)
    assert not heard & {of("GNSS_Heartbeat"), of("GNSS_Status"), of("GNSS_Position")}


def drive_off(vcu: ScriptedVcu, simulation: Simulation, speed_mps: float = 1.0) -> None:
    vcu.state, vcu.enable = DRIVE, 1
    wait_until(lambda: simulation.snapshot().speed_mps > speed_mps)


def test_a_parked_rider_presses_nothing(vcu: ScriptedVcu, simulation: Simulation) -> None:
    wait_until(lambda: simulation.snapshot().lock == "LOCKED" and len(vcu.inputs) > 10)
    pressed = ("Key", "Brake", "Gear", "Throttle_permille")
    assert all(seen[signal] == 0 for seen in vcu.inputs for signal in pressed)
    assert simulation.snapshot().speed_mps == 0


def test_unlocked_he_acts_drives_within_the_cap_and_stops_for_a_pending_lock(
    vcu: ScriptedVcu, simulation: Simulation
) -> None:
    vcu.speed_cap_mmps = 2000
    vcu.state = READY
    wait_until(lambda: bool(vcu.inputs) and vcu.inputs[-1]["Brake"] == 1)
    assert (vcu.inputs[-1]["Key"], vcu.inputs[-1]["Gear"]) == (1, 1)
    assert simulation.snapshot().speed_mps == 0
    vcu.state, vcu.enable = DRIVE, 1
    wait_until(lambda: simulation.snapshot().speed_mps > 1.2)
    assert vcu.inputs[-1]["Brake"] == 0
    vcu.state = LOCK_PENDING
    wait_until(lambda: simulation.snapshot().speed_mps == 0)
    assert max(vcu.speeds) <= 2000
    assert vcu.inputs[-1]["Brake"] == 1
    vcu.state, vcu.enable = LOCKED, 0
    wait_until(lambda: vcu.inputs[-1]["Key"] == 0)
    shot = simulation.snapshot()
    assert shot.odometer_m > 0
    assert shot.route_m == pytest.approx(60.0 + shot.odometer_m)


def test_he_waits_for_his_reaction_time(bus: VirtualBus, vcu: ScriptedVcu) -> None:
    settings = SimulationSettings(reaction_s=0.3)
    with Simulation(bus, CONFIG, ROUTE, settings=settings) as simulation:
        vcu.state = READY
        wait_until(lambda: simulation.snapshot().lock == "READY")
        seen = len(vcu.inputs)
        wait_until(lambda: vcu.inputs[-1]["Brake"] == 1)
        # HMI_Inputs comes every 50 ms: at least four untouched ones within 300 ms.
        untouched = [inputs for inputs in vcu.inputs[seen:] if inputs["Key"] == 0]
        assert len(untouched) >= 4


def test_without_drive_enable_the_throttle_does_nothing(
    vcu: ScriptedVcu, simulation: Simulation
) -> None:
    simulation.set_controls(THROTTLE)
    vcu.state = DRIVE
    wait_until(lambda: bool(vcu.inputs) and vcu.inputs[-1]["Throttle_permille"] == 1000)
    heard = len(vcu.speeds)
    wait_until(lambda: len(vcu.speeds) > heard + 10)
    assert set(vcu.speeds) == {0}


@pytest.mark.parametrize("fault", ["silent", "frozen"])
def test_without_a_fresh_command_the_torque_ramps_to_zero(
    vcu: ScriptedVcu, simulation: Simulation, fault: str
) -> None:
    simulation.set_controls(THROTTLE)
    drive_off(vcu, simulation)
    setattr(vcu, fault, True)
    wait_until(lambda: 0.1 < simulation.motor.drive < 0.9)  # a ramp, not a step
    wait_until(lambda: simulation.motor.drive == 0)
    assert not simulation.motor.enabled
    heard = len(vcu.speeds)
    wait_until(lambda: len(vcu.speeds) > heard + 25)  # half a second: longer than the timeout
    assert simulation.motor.drive == 0
    if fault == "frozen":
        assert simulation.snapshot().refused["alive"] > 0


def test_frames_with_a_wrong_crc_are_not_obeyed(
    bus: VirtualBus, vcu: ScriptedVcu, simulation: Simulation
) -> None:
    simulation.set_controls(THROTTLE)
    drive_off(vcu, simulation)
    bus.faults.add("flip", lambda frame: frame.identifier == 0x050)
    wait_until(lambda: simulation.motor.drive == 0)
    assert simulation.snapshot().refused["CrcError"] > 0
    # The CRC finds every single flipped bit, so only errors were counted for these frames.
    assert not simulation.motor.enabled


def test_the_brake_cuts_the_torque(vcu: ScriptedVcu, simulation: Simulation) -> None:
    simulation.set_controls(THROTTLE)
    drive_off(vcu, simulation)
    simulation.set_controls(Controls(key=True, gear="FORWARD", throttle=1.0, brake=0.5))
    wait_until(lambda: simulation.motor.drive == 0 and simulation.snapshot().speed_mps == 0)
    simulation.set_controls(None)
    wait_until(lambda: simulation.snapshot().speed_mps > 0.5)


def test_every_node_sends_its_messages_as_the_other_codec_reads_them(
    bus: VirtualBus, vcu: ScriptedVcu, simulation: Simulation
) -> None:
    counts: Counter[str] = Counter()
    alive: dict[str, list[int]] = {}

    def check(identifier: int, data: bytes) -> None:
        name, values, counter = protocol_can.decode(identifier, data)
        assert vehicle_bus().decode(identifier, data)[1].items() >= values.items()
        counts[name] += 1
        alive.setdefault(name, []).append(counter)

    bus.attach(check)
    nodes = ["MC", "BMS", "CHG", "HMI", "GNSS"]
    expected = {f"{node}_Heartbeat" for node in nodes}
    expected |= {"MC_Status1", "MC_Status2", "BMS_Pack", "BMS_Cells", "BMS_Temp", "CHG_Status"}
    expected |= {"HMI_Inputs", "HMI_Keys", "GNSS_Position", "GNSS_Status"}
    wait_until(lambda: expected <= set(counts) and counts["MC_Status1"] >= 100)
    for name in expected - {"GNSS_Position"}:
        steps = {(b - a) % 16 for a, b in zip(alive[name], alive[name][1:], strict=False)}
        assert steps <= {1}, name
    # The cycle times, relative to the fastest message (2 seconds of it). A node that is late leaves
    # cycles out, the fast ones more: so a busy machine bends the shares, but by no factor of two.
    seen = counts.copy()
    for name in ("HMI_Inputs", "BMS_Pack", "GNSS_Status", "MC_Heartbeat"):
        share = 20 / vehicle_bus().cycle_ms(name)
        assert seen[name] == pytest.approx(seen["MC_Status1"] * share, rel=0.5, abs=2), name


def test_the_state_of_a_second_start_continues(
    bus: VirtualBus, vcu: ScriptedVcu, tmp_path: Path
) -> None:
    file = tmp_path / "state.json"
    with Simulation(bus, CONFIG, ROUTE, settings=QUICK, state_file=file) as first:
        drive_off(vcu, first)
    vcu.state, vcu.enable = LOCKED, 0
    before = first.snapshot()
    saved = json.loads(file.read_text(encoding="utf-8"))
    assert saved["odometer_m"] == before.odometer_m > 0
    assert saved["boot"] == 1
    with Simulation(bus, CONFIG, ROUTE, settings=QUICK, state_file=file) as second:
        after = second.snapshot()
        assert (after.odometer_m, after.soc, after.route_m) == pytest.approx(
            (before.odometer_m, before.soc, before.route_m), abs=0.01
        )
    assert json.loads(file.read_text(encoding="utf-8"))["boot"] == 2
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", "x" * 5000, '{"odometer_m": 1}']
    + [
        json.dumps({"odometer_m": 1, "soc": 0.5, "route_m": 1, "motor_temp_c": 20, "boot": 1} | bad)
        for bad in ({"soc": 1.1}, {"soc": True}, {"boot": 1.5}, {"soc": "1"}, {"soc": float("nan")})
    ],
)
def test_a_state_file_that_is_none_is_refused(bus: VirtualBus, tmp_path: Path, text: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"state\.json"):
        Simulation(bus, CONFIG, ROUTE, state_file=file)


def test_a_nearly_empty_locked_vehicle_is_charged_until_it_is_unlocked(
    bus: VirtualBus, vcu: ScriptedVcu
) -> None:
    settings = SimulationSettings(soc=0.1)
    with Simulation(bus, CONFIG, ROUTE, settings=settings) as simulation:
        wait_until(lambda: simulation.snapshot().charging and simulation.snapshot().pack_a < 0)
        vcu.state = READY
        wait_until(lambda: not simulation.snapshot().charging)


def test_stop_leaves_the_bus(bus: VirtualBus, vcu: ScriptedVcu) -> None:
    simulation = Simulation(bus, CONFIG, ROUTE)
    simulation.stop()
    simulation.start()
    wait_until(lambda: len(vcu.speeds) > 3)
    simulation.stop()
    simulation.stop()
    wait_until(lambda: bus.counters["frames"] > 0)
    heard, drives = len(vcu.speeds), bus.counters["frames"]
    wait_until(lambda: bus.counters["frames"] > drives + 20)
    assert len(vcu.speeds) <= heard + 1
