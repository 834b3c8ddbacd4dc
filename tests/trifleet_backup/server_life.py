"""An installation whose database is on a server: its life until it is lost, and after."""

import shutil
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from fleet_backend.fleet import gaps
from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.schema import bodies, statements, telemetry
from fleet_backend.ingest.sequencer import Sequencer
from fleet_backend.ingest.worker import Worker, WorkerSettings
from tests.fleet.engines import POSTGRES, database_url
from tests.ingest.memory_adapter import MemoryAdapter
from tests.privacy.privacy_stand import PrivacyStand
from trifleet.backups import backup
from trifleet.backups.backup import BackupFolder
from trifleet.layout import Layout

VEHICLE = "trike-1"


@dataclass(frozen=True)
class Held:
    """What a database holds of the gateways' chains."""

    chains: dict[str, list[int]]  # numbers, in their order
    places: list[int]
    with_body: int
    samples: int
    open_gaps: int


def held(url: str) -> Held:
    with closing(open_database(url)) as database, database.read() as connection:
        rows = connection.execute(
            select(statements.c.gateway, statements.c.seq).order_by(statements.c.seq)
        ).all()
        chains: dict[str, list[int]] = {}
        for gateway, seq in rows:
            chains.setdefault(gateway, []).append(seq)
        places = select(statements.c.leaf_index).where(statements.c.leaf_index.is_not(None))
        return Held(
            chains,
            sorted(connection.execute(places).scalars()),
            connection.execute(select(func.count()).select_from(bodies)).scalar_one(),
            connection.execute(select(func.count()).select_from(telemetry)).scalar_one(),
            len(gaps.page(connection, is_open=True)),
        )


class Life:
    """Gateways deliver; what they have not been acknowledged waits on their disks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = database_url(POSTGRES, folder)
        self.stand = PrivacyStand(folder / "data", url=self.url)
        self.layout = self.stand.layout

    def report(self, count: int = 1, *, acknowledge: bool = True) -> None:
        for _ in range(count):
            sample = self.stand.sample(VEHICLE, (481_100_001, 23_100_001), 0)
            self.stand.deliver(VEHICLE, [sample], acknowledge=acknowledge)

    def back_up_under_load(self, name: str) -> tuple[BackupFolder, int, int]:
        """(the back-up, statements that were acknowledged before it began, and at its end)."""
        before = held(self.url)
        folder = BackupFolder(self.folder / name)
        at_work = threading.Thread(target=backup.make, args=(self.layout, folder.root, True))
        at_work.start()
        while at_work.is_alive():
            self.report()
        at_work.join()
        return folder, len(before.chains["gw-1"]), len(held(self.url).chains["gw-1"])

    def lose_everything(self) -> Path:
        """The machine is gone. A mirror has what was published; the gateways are elsewhere."""
        self.stand.sequencer.close()
        self.stand.database.close()
        mirror = self.folder / "mirror"
        shutil.copytree(self.layout.ledger / "public", mirror)
        for name in ("ledger", "fleet.db", "issuer", "ingest", "owner"):
            shutil.rmtree(self.layout.root / name, ignore_errors=True)
        return mirror

    def go_on(self, layout: Layout) -> None:
        """Ingest and sequencer start on what was restored; the gateways are what they were."""
        self.stand.database = open_database(layout.database_url)
        self.stand.database.check_schema()
        self.stand.adapter = MemoryAdapter()
        self.stand.worker = Worker(
            self.stand.database, self.stand.adapter, self.stand.ack_key, WorkerSettings()
        )
        self.stand.sequencer = Sequencer.open(
            self.stand.database, layout.ledger, self.stand.origin, layout.log_key
        )
