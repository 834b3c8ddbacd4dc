"""Without a node: the table, and that a plug once reported stays a plug."""

import itertools

import pytest
from vcu import degrade
from vcu.can.signals import Signals
from vcu.degrade import BMS, CHG, GNSS, GW, HMI, LIMP, MC, NO_START, PLUGGED, WARN, Nodes

from protocol import can
from protocol.can_table import MESSAGES

ALL = 63


@pytest.mark.parametrize(
    ("node", "wanted"),
    [
        (MC, LIMP | NO_START | WARN | degrade.UNKNOWN_SPEED),
        (BMS, LIMP | NO_START | WARN),
        (CHG, 0),
        (HMI, LIMP | NO_START | WARN),
        (GNSS, degrade.NO_ZONES),
        (GW, degrade.NO_ACK),
        (PLUGGED, NO_START),
        (0, 0),
    ],
)
def test_each_node(node, wanted):
    assert degrade.effects(node) == wanted


def test_every_combination_is_the_sum_of_its_nodes():
    for bits in range(128):
        wanted = 0
        for number in range(7):
            wanted |= degrade.effects(bits & 1 << number)
        assert degrade.effects(bits) == wanted


def test_who_counts_as_missing():
    for heard, silent, plugged in itertools.product(range(64), range(64), (False, True)):
        found = degrade.faults(heard, silent, plugged)
        for number in range(6):
            node = 1 << number
            never = not heard & node
            missing = node & degrade.REQUIRED if never else silent & node
            assert bool(found & node) == bool(missing)
        assert bool(found & PLUGGED) == plugged
        assert found <= 127


class Bus:
    """Frames of nodes at a time, with the alive counters that they need."""

    def __init__(self):
        self.signals = Signals()
        self._alive = 0

    def hear(self, name, values, now_ms):
        self._alive = (self._alive + 1) & 15
        data = can.encode(name, values, self._alive)
        return self.signals.take(MESSAGES.row(name), data, len(data), now_ms)


def test_nodes_are_heard_fall_silent_and_come_back():
    bus, nodes = Bus(), Nodes()
    assert nodes.look(bus.signals, 0) == MC | HMI
    assert (nodes.heard, nodes.silent) == (0, ALL)
    for number, name in enumerate(degrade.NODES):
        assert bus.hear(name + "_Heartbeat", {"State": 2}, 1_000)
        nodes.look(bus.signals, 1_000)
        assert nodes.heard == (2 << number) - 1
    assert nodes.look(bus.signals, 2_499) == 0
    assert nodes.look(bus.signals, 2_500) == ALL
    bus.hear("BMS_Heartbeat", {"State": 2}, 2_600)
    assert nodes.look(bus.signals, 2_600) == ALL & ~BMS


class Charger:
    """Signals as they will be once CHG_Status is among them."""

    def __init__(self):
        self.plugged = None

    def heard(self, name):
        return self.plugged is not None

    def fresh(self, name, now_ms):
        if name == "CHG_Status" and self.plugged is not None:
            return {"Plugged": self.plugged}
        return None


def test_the_chargers_last_word_holds():
    charger, nodes = Charger(), Nodes()
    assert not nodes.look(charger, 0) & PLUGGED
    charger.plugged = 1
    assert nodes.look(charger, 1) & PLUGGED
    charger.plugged = None  # pulled off the bus, not off the vehicle
    assert nodes.look(charger, 99_999) & PLUGGED
    assert degrade.effects(nodes.look(charger, 99_999)) & NO_START
    charger.plugged = 0
    assert not nodes.look(charger, 100_000) & PLUGGED
