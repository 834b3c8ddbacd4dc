"""Names of the vehicles of an installation, of their gateways, and what machine each one is."""

from dataclasses import dataclass

from trifleet.errors import InstallationError
from trifleet.layout import Layout

MAX_VEHICLES = 100
# Of hw/vehicles, one after the other.
CONFIGURATIONS = ("delta-passenger", "tadpole-cargo", "delta-cargo", "tadpole-passenger")


@dataclass(frozen=True)
class Slot:
    """The names of one vehicle and of the gateway beside it."""

    number: int

    @property
    def vehicle(self) -> str:
        return f"trike-{self.number}"

    @property
    def gateway(self) -> str:
        return f"gw-{self.number}"

    @property
    def configuration(self) -> str:
        return CONFIGURATIONS[self.number % len(CONFIGURATIONS)]


def slots(count: int) -> list[Slot]:
    """The first `count` vehicles. Raises InstallationError beyond 1 to 100."""
    if not 1 <= count <= MAX_VEHICLES:
        raise InstallationError(f"--vehicles is 1 to {MAX_VEHICLES}, not {count}")
    return [Slot(number) for number in range(1, count + 1)]


def known_vehicles(layout: Layout) -> int:
    """How many vehicles the folder holds already."""
    return sum(1 for path in layout.root.glob("vehicles/trike-*/application.sha256"))
