"""What the vehicle does without each of its nodes, as a literal table. Pure.

A node that was never heard is not fitted; motor controller and dash must be there.
"""

MC, BMS, CHG, HMI, GNSS, GW = (1 << number for number in range(6))
NODES = ("MC", "BMS", "CHG", "HMI", "GNSS", "GW")
REQUIRED = MC | HMI

# Effects, as bits. None of them takes drive from a vehicle that moves.
LIMP = 1  # the speed cap falls to 10 km/h, by the ramp
NO_START = 2  # the next start of drive is refused
WARN = 4  # the rider is told
UNKNOWN_SPEED = 8  # counts as moving: a lock stays pending
NO_ZONES = 16  # a cap by place keeps its last value
NO_ACK = 32  # records stay on the vehicle

_EFFECTS = bytes(
    (
        LIMP | NO_START | WARN | UNKNOWN_SPEED,  # MC
        LIMP | NO_START | WARN,  # BMS: nobody watches the cells
        0,  # CHG: its last word on the plug holds
        LIMP | NO_START | WARN,  # HMI: no brake, no gear
        NO_ZONES,  # GNSS
        NO_ACK,  # GW
    )
)

# Beside the nodes in the bits for the kernel; and its key in State.last.
PLUGGED = 64


def faults(heard: int, silent: int, plugged: bool) -> int:
    """The bits for the safety kernel: who is missing, and PLUGGED as the charger said it last."""
    missing = heard & silent | REQUIRED & ~heard
    return missing | (PLUGGED if plugged else 0)


def effects(fault_bits: int) -> int:
    """What follows from them: the effects of all that are missing; a plug forbids the start."""
    found = NO_START if fault_bits & PLUGGED else 0
    for number in range(len(_EFFECTS)):
        if fault_bits >> number & 1:
            found |= _EFFECTS[number]
    return found


class Nodes:
    """Who was ever heard, who is silent, and the charger's last word. Fed from Signals."""

    def __init__(self, plugged: bool = False) -> None:
        self.heard = 0
        self.silent = 0
        self.plugged = plugged

    def look(self, signals: "Signals", now_ms: int) -> int:
        """The fault bits now. `signals` has heard(name) and fresh(name, now_ms)."""
        self.silent = 0
        for number in range(len(NODES)):
            name = NODES[number] + "_Heartbeat"
            if signals.heard(name):
                self.heard |= 1 << number
            if signals.fresh(name, now_ms) is None:
                self.silent |= 1 << number
        charger = signals.fresh("CHG_Status", now_ms)
        if charger is not None:
            self.plugged = bool(charger["Plugged"])
        return faults(self.heard, self.silent, self.plugged)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcu.can.signals import Signals
