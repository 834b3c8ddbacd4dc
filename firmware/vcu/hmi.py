"""The panel on the bus: keys in, what to show out. Puts keypad, codes, egress, panel together."""

from protocol import record

from vcu import panel
from vcu.codes import Codes
from vcu.egress import Egress
from vcu.keypad import ENTERED, Keypad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class Hmi:
    """`vehicle` is the Vcu; `persist(name, value)` is that of its commands."""

    def __init__(
        self, vehicle: "Any", persist: "Callable[[str, bytes], None]", now_ms: int
    ) -> None:
        self._vehicle = vehicle
        self._keypad = Keypad()
        self.egress = Egress()
        self.codes = Codes(vehicle, persist, now_ms)

    def keys(self, values: dict[str, int], now_ms: int) -> None:
        """HMI_Keys came in."""
        self.egress.saw(bool(values["Egress"]), now_ms)
        if self._keypad.saw(values["Presses"], values["Digit"], now_ms) == ENTERED:
            self.codes.enter(self._keypad.take(), now_ms)

    def typed(self) -> bool:
        """Is somebody at the keys?"""
        return self._keypad.typed > 0

    def tick(self, now_ms: int) -> None:
        """Each turn of the loop."""
        self._keypad.tick(now_ms)
        self.codes.tick()
        # What finds no room now is tried again.
        if self.egress.unrecorded and self._vehicle.outbox.record(
            record.EGRESS, self._egress_body(now_ms), now_ms
        ):
            self.egress.unrecorded = False

    def _egress_body(self, now_ms: int) -> dict[int, int]:
        body = {0: self._vehicle.drive.lock}
        speed_mmps = self._vehicle.motion.speed(now_ms)
        if speed_mmps is not None:
            body[1] = speed_mmps
        return body

    def signals(self, faults: int, now_ms: int) -> dict[str, int]:
        """VCU_Panel. `faults` is how many are present."""
        drive = self._vehicle.drive.outputs
        soc_permille, plugged = self._energy(now_ms)
        typed = self._keypad.typed
        screen, led, sound, number = panel.show(
            panel.Seen(
                drive.lock,
                drive.lock_reason,
                drive.reason,
                drive.warning,
                drive.cap_mmps,
                soc_permille,
                plugged,
                faults,
                self._vehicle.refusals.shown(now_ms),
                self.codes.entry(typed, now_ms),
                typed,
                self.codes.wait_min(now_ms),
                self.egress.releases(now_ms),
            )
        )
        return {
            "Screen": screen,
            "Led": led,
            "Sound": sound,
            "Typed": typed,
            "Number": number,
            "Battery_pct": panel.percent(soc_permille),
        }

    def _energy(self, now_ms: int) -> tuple[int | None, bool]:
        pack = self._vehicle.signals.fresh("BMS_Pack", now_ms)
        charger = self._vehicle.signals.fresh("CHG_Status", now_ms)
        return pack["Soc_permille"] if pack else None, bool(charger and charger["Plugged"])
