"""How the cables of a loom get their cross-section: by fuse, by switch, or as signals."""

from dataclasses import dataclass

from hw import electrical
from hw.harness.model import Harness, Net, Part
from hw.places import Place, cable_m
from hw.vehicle_schema import VehicleConfig

# A signal's current, and what its supply gives at most.
SIGNAL_A, SIGNAL_LIMIT_A = 0.1, 0.5
# Each output of the VCU's box is a switch that ends its own current here.
SWITCH_LIMIT_A = 8.0
BOLTED_FROM_A = 30


@dataclass
class Wiring:
    """The harness as it grows, its vehicle, and where every part sits; `light`: with a status
    light, which some boards have themselves.
    """

    harness: Harness
    config: VehicleConfig
    where: dict[str, Place]
    light: bool = True

    @property
    def pack_v(self) -> float:
        return electrical.nominal_v(self.config)

    def length_m(self, net: Net) -> float:
        return cable_m(self.where[net.start], self.where[net.end])

    def signal(self, net: Net, kind: str = "wires") -> None:
        """Wires that tell something and feed nothing."""
        self._join(net, min(electrical.AMPACITY_A), SIGNAL_A, SIGNAL_LIMIT_A, kind)

    def fed(self, nets: list[Net], current_a: float, voltage_v: float) -> float:
        """Cables in a row behind one fuse, which is returned. Raises ConfigError."""
        length = sum(self.length_m(net) for net in nets)
        fuse, gauge = electrical.feed(current_a, length, voltage_v)
        for net in nets:
            self._join(net, gauge, current_a, fuse)
        return fuse

    def bounded(self, net: Net, current_a: float, limit_a: float, voltage_v: float) -> None:
        """A cable behind what ends its own current at `limit_a`. Raises ConfigError."""
        gauge = electrical.gauge_for(current_a, limit_a, self.length_m(net), voltage_v)
        self._join(net, gauge, current_a, limit_a)

    def output(self, net: Net, current_a: float) -> None:
        """A cable that the VCU's box switches. Raises ConfigError."""
        self.bounded(net, current_a, SWITCH_LIMIT_A, electrical.SUPPLY_V)

    def mains(self, net: Net) -> None:
        """16 A is what a socket's breaker gives, 2.5 mm² what IEC 60364-5-52 wants for it."""
        self._join(net, 2.5, 10.0, 16.0)

    def fuse(self, name: str, rating_a: float) -> None:
        bolted = rating_a > BOLTED_FROM_A
        kind = "bolted, ISO 8820-5" if bolted else "blade, ISO 8820-3, sealed holder"
        words = f"{rating_a:g} A, {kind}"
        self.harness.add(Part(name, "Fuse", words, ("1", "2"), "power distribution"))

    def _join(
        self, net: Net, gauge: float, current: float, protected: float, kind: str = "wires"
    ) -> None:
        self.harness.join(
            net,
            gauge_mm2=gauge,
            length_m=self.length_m(net),
            current_a=current,
            protected_a=protected,
            kind=kind,
        )
