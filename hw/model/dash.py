"""The dash (HMI): shows lock and panel to the rider, and puts what he does on the bus."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from hw.can.database import VehicleBus
from hw.model.motor_controller import clamp
from hw.model.nodes import Clock, Node
from hw.model.panel_texts import ScreenText, load_panel_texts
from hw.model.rider import PARKED, LockState
from hw.virtual_bus import VirtualBus

LOCK_STATES: tuple[LockState, ...] = ("LOCKED", "READY", "DRIVE", "LOCK_PENDING")
GEARS = {"NEUTRAL": 0, "FORWARD": 1, "REVERSE": 2}
ENTER, CLEAR = 10, 11  # HMI_Keys.Digit
EGRESS_SCREEN = 10
BATTERY_UNKNOWN = 255


@dataclass(frozen=True)
class Panel:
    """What VCU_Panel says, with the words of the display; `battery_pct` None: not known."""

    screen: int
    led: int
    sound: int
    typed: int
    number: int
    battery_pct: int | None
    text: ScreenText | None

    def lines(self, language: str) -> tuple[str, ...]:
        """What stands on the display. A screen without words is shown as its number."""
        if self.text is None:
            return (f"? {self.screen}",)
        return self.text.shown(language, self.number)


class Dash(Node):
    name = "HMI"
    messages = ("HMI_Inputs", "HMI_Keys")
    listens = ("VCU_Lock", "VCU_Drive", "VCU_Panel")

    def __init__(self, bus: VirtualBus, database: VehicleBus, clock: Clock, boot: int) -> None:
        super().__init__(bus, database, clock, boot)
        self.controls = PARKED
        self.egress_pressed = False
        self._presses: deque[int] = deque()
        self._keys = {"Presses": 0, "Digit": 0}

    def press(self, key: int) -> None:
        """One key of the panel: 0 to 9, ENTER or CLEAR; from any thread."""
        if not 0 <= key <= CLEAR:
            raise ValueError(f"the panel has no key {key}")
        self._presses.append(key)

    def type_code(self, code: str) -> None:
        """The digits one after the other, then Enter."""
        for digit in code:
            self.press(int(digit))
        self.press(ENTER)

    @property
    def has_typed(self) -> bool:
        """Did every press go out on the bus?"""
        return not self._presses

    @property
    def panel(self) -> Panel | None:
        """What the panel shows, None while VCU_Panel is not heard."""
        shown = self.heard("VCU_Panel")
        if shown is None:
            return None
        battery = shown["Battery_pct"]
        return Panel(
            shown["Screen"],
            shown["Led"],
            shown["Sound"],
            shown["Typed"],
            shown["Number"],
            None if battery == BATTERY_UNKNOWN else battery,
            load_panel_texts().get(shown["Screen"]),
        )

    @property
    def door_released(self) -> bool:
        """Does the panel say that the emergency egress opened the door?"""
        panel = self.panel
        return panel is not None and panel.screen == EGRESS_SCREEN

    @property
    def lock(self) -> LockState | None:
        """The state that VCU_Lock shows, None while it is not heard."""
        shown = self.heard("VCU_Lock")
        return LOCK_STATES[shown["State"]] if shown else None

    @property
    def drive_enabled(self) -> bool:
        command = self.heard("VCU_Drive")
        return command is not None and bool(command["Enable"])

    @property
    def speed_cap_mps(self) -> float:
        command = self.heard("VCU_Drive")
        return command["SpeedCap_mmps"] / 1000 if command else 0.0

    def values(self, message: str) -> Mapping[str, int]:
        if message == "HMI_Keys":
            return self._next_keys()
        controls = self.controls
        return {
            "Key": int(controls.key),
            "Brake": int(controls.brake > 0),
            "Gear": GEARS[controls.gear],
            "Horn": 0,
            "Lights": int(controls.key),
            "SteeringAngle_cdeg": clamp(controls.steering_deg * 100, -9000, 9000),
            "Throttle_permille": clamp(controls.throttle * 1000, 0, 1000),
        }

    def _next_keys(self) -> Mapping[str, int]:
        # One press a frame: the receiver takes a count that leaps for digits that were lost.
        if self._presses:
            count = (self._keys["Presses"] + 1) & 0xFF
            self._keys = {"Presses": count, "Digit": self._presses.popleft()}
        return {**self._keys, "Egress": int(self.egress_pressed)}
