"""A simulated vehicle on a virtual bus: physics and five nodes at 50 Hz on the bus' thread."""

import math
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hw.can.database import vehicle_bus
from hw.model.battery_nodes import BatteryManagement, Charger
from hw.model.dash import Dash
from hw.model.gnss import Gnss
from hw.model.motor_controller import MotorController
from hw.model.nodes import Clock, Node
from hw.model.physics import Inputs, State, step
from hw.model.rider import COMFORT_MPS2, Controls, LockState, Rider, View
from hw.model.route import Place, Route
from hw.model.state import SavedState, load_state, save_state
from hw.vehicle_schema import VehicleConfig
from hw.virtual_bus import VirtualBus
from hw.virtual_bus.timers import Timer

PERIOD_S = 0.02
SLOW_EVERY = 10  # ticks: what need not follow the physics (GNSS error, charger)
SAVE_EVERY = 500  # ticks
LONGEST_STEP_S = 0.1  # a process that was held up does not leap
STANDSTILL_MPS = 0.05
STOP_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class SimulationSettings:
    """`load` is the share of the payload; below `charge_below` a locked vehicle is charged."""

    reaction_s: float = 0.4
    cruise_mps: float = 6.5
    load: float = 0.5
    soc: float = 0.9  # at the very first start
    route_m: float = 0.0  # at the very first start
    charge_below: float = 0.2
    charge_to: float = 0.9


@dataclass(frozen=True)
class Snapshot:
    """The truth about the vehicle, which its messages only approach."""

    speed_mps: float
    odometer_m: float
    soc: float
    pack_v: float
    pack_a: float
    route_m: float
    place: Place
    lock: LockState | None
    drive_enabled: bool
    controls: Controls
    charging: bool
    refused: Counter[str]


class Simulation:
    """`start` puts the nodes on the bus, `stop` takes them off and saves; a context manager."""

    def __init__(
        self,
        bus: VirtualBus,
        config: VehicleConfig,
        route: Route,
        *,
        seed: int = 0,
        settings: SimulationSettings | None = None,
        state_file: Path | None = None,
    ) -> None:
        """Raises ConfigError for a state file that is not one."""
        self._bus = bus
        self._config = config
        self._route = route
        self._seed = seed
        self._settings = settings or SimulationSettings()
        self._state_file = state_file
        fresh = SavedState(soc=self._settings.soc, route_m=self._settings.route_m)
        saved = load_state(state_file, fresh)
        self._boot = saved.boot + 1
        self._route_m = saved.route_m % route.length_m
        self._state = State(
            odometer_m=saved.odometer_m, soc=saved.soc, motor_temp_c=saved.motor_temp_c
        )
        self._rider = Rider(self._settings.cruise_mps, self._settings.reaction_s)
        self._override: Controls | None = None
        self._clock = Clock()
        self._started_s: float | None = None
        self._last_s = 0.0
        self._ticks = 0
        self._timer: Timer | None = None
        self._ended = threading.Event()
        self._ending = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Joins the bus, which may start earlier or later. Once."""
        database, clock, boot = vehicle_bus(), self._clock, self._boot
        packs = self._config.packs
        self.motor = MotorController(self._bus, database, clock, boot, self._config)
        self.battery = BatteryManagement(self._bus, database, clock, boot, packs)
        self.charger = Charger(self._bus, database, clock, boot, packs)
        self.dash = Dash(self._bus, database, clock, boot)
        fitted = self._config.sensors.gnss
        self.gnss = Gnss(self._bus, database, clock, boot, self._seed) if fitted else None
        self.nodes: tuple[Node, ...] = (
            self.motor,
            self.battery,
            self.charger,
            self.dash,
            *([self.gnss] if self.gnss else []),
        )
        self._timer = self._bus.every(PERIOD_S, self._tick)

    def stop(self) -> None:
        """Leaves the bus and saves the state; harmless when called again."""
        if self._timer is None:
            return
        self._ending = True
        if self._bus.running:
            self._ended.wait(STOP_TIMEOUT_S)
        self._timer.cancel()
        self._timer = None
        for node in self.nodes:
            node.close()
        self._save()

    def set_controls(self, controls: Controls | None) -> None:
        """Takes the controls out of the rider's hands; None gives them back."""
        self._override = controls

    def snapshot(self) -> Snapshot:
        """Everything as of the last tick; from any thread."""
        state = self._state
        return Snapshot(
            speed_mps=state.speed_mps,
            odometer_m=state.odometer_m,
            soc=state.soc,
            pack_v=state.pack_v,
            pack_a=state.pack_a,
            route_m=self._route_m,
            place=self._route.place(self._route_m),
            lock=self.dash.lock,
            drive_enabled=self.dash.drive_enabled,
            controls=self.dash.controls,
            charging=self.charger.plugged,
            refused=sum((node.refused for node in self.nodes), Counter()),
        )

    def _tick(self, now_s: float) -> None:
        """Runs on the bus' thread. The first tick only sets the clock."""
        if self._ending:
            self._ended.set()
            return
        if self._started_s is None:
            self._started_s = self._last_s = now_s
        dt_s = min(LONGEST_STEP_S, now_s - self._last_s)
        self._last_s = now_s
        self._clock.now_ms = int((now_s - self._started_s) * 1000)
        self._ride(now_s)
        self._move(dt_s)
        if self._ticks % SLOW_EVERY == 0:
            self._slow()
        for node in self.nodes:
            node.tick()
        self._ticks += 1
        if self._ticks % SAVE_EVERY == 0:
            self._save()

    def _ride(self, now_s: float) -> None:
        view = View(
            lock=self.dash.lock,
            drive_enabled=self.dash.drive_enabled,
            speed_cap_mps=self.dash.speed_cap_mps,
            speed_mps=self._state.speed_mps,
            street_limit_mps=self._route.speed_limit_mps(self._route_m, COMFORT_MPS2),
            steering_deg=self._steering_deg(),
        )
        controls = self._rider.act(now_s, view)
        self.dash.controls = self._override or controls

    def _steering_deg(self) -> float:
        curvature = self._route.curvature_per_m(self._route_m)
        geometry = self._config.geometry
        angle = math.degrees(math.atan(geometry.wheelbase_m * curvature))
        return max(-geometry.max_steering_deg, min(geometry.max_steering_deg, angle))

    def _move(self, dt_s: float) -> None:
        inputs = Inputs(
            drive=self.motor.control(dt_s),
            brake=self.dash.controls.brake,
            load=self._settings.load,
            charge_a=self.charger.charge_a,
        )
        before = self._state
        state = step(self._config, before, inputs, dt_s)
        self._state = state
        way_m = (before.speed_mps + state.speed_mps) / 2 * dt_s
        self._route_m = (self._route_m + way_m) % self._route.length_m
        self.motor.state = self.battery.state = self.charger.state = state

    def _slow(self) -> None:
        """The position and the charger, five times a second."""
        settings = self._settings
        parked = self.dash.lock == "LOCKED" and abs(self._state.speed_mps) < STANDSTILL_MPS
        self.charger.decide(parked, settings.charge_below, settings.charge_to)
        if self.gnss is None:
            return
        self.gnss.wander()
        self.gnss.place = self._route.place(self._route_m, self.gnss.error_m)
        self.gnss.speed_mps = self._state.speed_mps

    def _save(self) -> None:
        if self._state_file is None:
            return
        state = self._state
        save_state(
            self._state_file,
            SavedState(state.odometer_m, state.soc, self._route_m, state.motor_temp_c, self._boot),
        )
