"""One or two battery packs in parallel: each an open-circuit voltage behind a resistance.

Charge is counted. At the common terminals the currents share themselves by resistance and by
charge: the fuller pack gives more, and feeds the emptier one where nobody else takes its current.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from hw.vehicle_schema import Pack

FULL_CHARGE = 1.0

# Open-circuit voltage of one lithium-ion (NMC) cell over its state of charge.
_OCV_SOC = (0.0, 0.05, 0.10, 0.20, 0.40, 0.60, 0.80, 0.90, 1.0)
_OCV_V = (3.00, 3.35, 3.45, 3.55, 3.63, 3.75, 3.95, 4.05, 4.18)


@dataclass(frozen=True)
class Shared:
    """All packs after a step; currents are positive when discharging."""

    socs: tuple[float, ...]
    voltage_v: float
    current_a: float
    currents_a: tuple[float, ...]


def open_circuit_v(pack: Pack, soc: float) -> float:
    """Voltage of the pack without current."""
    soc = min(1.0, max(0.0, soc))
    i = min(bisect_right(_OCV_SOC, soc), len(_OCV_SOC) - 1)
    share = (soc - _OCV_SOC[i - 1]) / (_OCV_SOC[i] - _OCV_SOC[i - 1])
    return pack.cells * (_OCV_V[i - 1] + share * (_OCV_V[i] - _OCV_V[i - 1]))


def mean_soc(packs: Sequence[Pack], socs: Sequence[float]) -> float:
    """The charge of all packs together, by their capacity."""
    charge = sum(pack.capacity_ah * soc for pack, soc in zip(packs, socs, strict=True))
    return charge / sum(pack.capacity_ah for pack in packs)


def equivalent(packs: Sequence[Pack], socs: Sequence[float]) -> tuple[float, float]:
    """Voltage and resistance of the one pack that behaves like these in parallel."""
    conductance = sum(1 / pack.resistance_ohm for pack in packs)
    current = sum(
        open_circuit_v(pack, soc) / pack.resistance_ohm
        for pack, soc in zip(packs, socs, strict=True)
    )
    return current / conductance, 1 / conductance


def current_for_a(voltage_v: float, resistance_ohm: float, power_w: float) -> float:
    """The current that gives `power_w` at the terminals, or the most that the packs can give."""
    root = voltage_v**2 - 4 * resistance_ohm * power_w
    return (voltage_v - math.sqrt(max(0.0, root))) / (2 * resistance_ohm)


def discharge(
    packs: Sequence[Pack], socs: Sequence[float], power_w: float, charge_a: float, dt_s: float
) -> Shared:
    """`dt_s` later. An empty pack gives nothing: its management opens its contactor, which the
    charger closes again. All full take nothing.
    """
    joined = [i for i, soc in enumerate(socs) if soc > 0 or charge_a > 0]
    if not joined:
        empty, _ = equivalent(packs, socs)
        return Shared(tuple(socs), empty, 0.0, (0.0,) * len(packs))
    voltage, resistance = equivalent([packs[i] for i in joined], [socs[i] for i in joined])
    total = 0.0
    if any(soc > 0 for soc in socs):
        total = current_for_a(voltage, resistance, power_w)
    if any(soc < FULL_CHARGE for soc in socs):
        total -= charge_a
    terminals = voltage - total * resistance
    currents = [0.0] * len(packs)
    for i in joined:
        currents[i] = (open_circuit_v(packs[i], socs[i]) - terminals) / packs[i].resistance_ohm
    after = tuple(
        min(FULL_CHARGE, max(0.0, soc - current * dt_s / 3600 / pack.capacity_ah))
        for pack, soc, current in zip(packs, socs, currents, strict=True)
    )
    return Shared(after, terminals, total, tuple(currents))
