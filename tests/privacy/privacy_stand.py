"""An installation in a data folder without its processes: each part is the real one, called here.

Riders speak to the real API, the issuer grants, a gateway's real outbox sends, the ingest stores,
the sequencer logs. Only the broker and the vehicle's controller are left out.
"""

import secrets
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import httpx

from edge_gateway.outbox import Outbox
from fleet_backend.api.app import create_app
from fleet_backend.api.settings import ApiSettings
from fleet_backend.fleet import challenges, commands, delegations, gateways, keys, vehicles
from fleet_backend.fleet.database import open_database
from fleet_backend.ingest.retainer import Retainer
from fleet_backend.ingest.sequencer import Sequencer
from fleet_backend.ingest.worker import Worker, WorkerSettings
from fleet_backend.issuer.journal import Journal
from fleet_backend.issuer.ledgerview import LedgerView
from fleet_backend.issuer.store import Store
from fleet_backend.issuer.worker import Signers
from fleet_backend.issuer.worker import Worker as Issuer
from protocol import ack, command, cose, grant, lock, record
from protocol.statement import statement_hash
from tests.api.api_stand import serving
from tests.ingest.ingest_fleet import FakeVehicle
from tests.ingest.memory_adapter import MemoryAdapter
from trifleet import installation
from trifleet.client import RiderClient, from_text
from trifleet.codes import DrawnCodes
from trifleet.layout import Layout, make_folder, write_private
from trifleet.provisioning import delegation
from trifleet.slots import Slot

OWNER_BITS = grant.DELEGATE | grant.CODE_ACTIONS | 1 << (command.LOCK - 1)


class PrivacyStand:
    """One installation. `close` it; what lies in the folder afterwards is a stopped stack."""

    def __init__(self, folder: Path, names: Iterable[str] = ("trike-1", "trike-2")) -> None:
        self.layout = Layout(folder)
        self._open = ExitStack()
        self._ended = 0  # the second in which the last ride ended
        installation.found(self.layout, lambda *_: None)
        make_folder(self.layout.logs)
        self.database = open_database(f"sqlite:///{self.layout.database}")
        self.database.create_schema()
        installation.register_issuer(self.layout, self.database)
        self.ack_key = keys.load_ed25519(self.layout.ack_key)
        self.vehicles: dict[str, FakeVehicle] = {}
        self.outboxes: dict[str, Outbox] = {}
        for name in names:
            self._add(name)
        self.adapter = MemoryAdapter()
        self.worker = Worker(self.database, self.adapter, self.ack_key, WorkerSettings())
        self._open_log()
        self._open_issuer()
        self._open_api()

    def close(self) -> None:
        """Stop every part."""
        self._open.close()
        self.journal.close()
        self.sequencer.close()
        for outbox in self.outboxes.values():
            outbox.close()
        self.database.close()

    def rider(self) -> RiderClient:
        """A phone that speaks to the real API."""
        client = RiderClient(self._address)
        self._open.callback(client.close)
        client.register()
        return client

    def granted(
        self, rider: RiderClient, vehicle: str, *, codes: bool = False
    ) -> dict[str, object]:
        """A grant that the issuer logged and signed, with one-time codes where they are wanted."""
        drawn = DrawnCodes(vehicle, rider.key.thumbprint) if codes else None
        with self.working():
            return rider.obtain_grant(vehicle, 3600, codes=drawn)

    def send(
        self, rider: RiderClient, vehicle: str, granted: dict[str, object], action: int
    ) -> bytes:
        """A command of the rider, delivered; its name."""
        with self.database.begin() as connection:
            now = int(time.time())
            challenges.put(connection, vehicle, secrets.token_bytes(16), now + 120, now)
        name = bytes.fromhex(rider.command(vehicle, granted, action))
        with self.database.begin() as connection:
            commands.advance(connection, name, commands.DELIVER, int(time.time()))
        return name

    def deliver(self, vehicle: str, records: list[bytes], *, acknowledge: bool = True) -> None:
        """The vehicle's records over its gateway's outbox into database and ledger."""
        outbox = self.outboxes[vehicle]
        outbox.store_records(records, int(time.time()), vehicle, {})
        self.drain(vehicle, acknowledge=acknowledge)

    def drain(self, vehicle: str, *, acknowledge: bool = True) -> None:
        """The gateway sends what waits in its outbox, and forgets what is acknowledged."""
        outbox = self.outboxes[vehicle]
        gateway = _gateway(vehicle)
        for pending in outbox.pending(-1, 1000):
            self.adapter.put(gateway, pending.message)
        self.worker.handle(self.adapter.receive(1000, 0, 0))
        self.sequencer.step()
        if not acknowledge:
            return
        for to, _, payload in self.adapter.sent:
            if to == gateway:
                verify = keys.ed25519_verifier(keys.public_bytes(self.ack_key))
                outbox.delete(ack.open_ack(payload, verify))
        self.adapter.sent.clear()

    def ride(
        self, rider: RiderClient, vehicle: str, places: list[tuple[int, int]], *, end: bool = True
    ) -> None:
        """Grant, unlock, ride over these places, lock; each place in a statement of its own."""
        # A second is the grain of what says whose ride a report was: no ride shares one.
        while int(time.time()) <= self._ended:
            time.sleep(0.02)
        granted = self.granted(rider, vehicle)
        grant_id = grant_id_of(granted)
        unlock = self.send(rider, vehicle, granted, command.UNLOCK)
        self.deliver(vehicle, self.unlocked(vehicle, unlock, grant_id))
        for place in places:
            self.deliver(vehicle, [self.sample(vehicle, place, lock.DRIVE)])
        if end:
            asked = self.send(rider, vehicle, granted, command.LOCK)
            self.deliver(vehicle, self.locked(vehicle, asked, grant_id))
        self._ended = int(time.time())

    def unlocked(self, vehicle: str, name: bytes, grant_id: bytes) -> list[bytes]:
        """What the controller records of an unlock."""
        of = self.vehicles[vehicle]
        now = int(time.time())
        change = {0: lock.READY, 1: lock.LOCKED, 2: lock.COMMAND}
        answer = {0: name, 1: command.UNLOCK, 2: grant_id, 3: record.DONE}
        return [of.seal(record.LOCK, change, now), of.seal(record.ANSWER, answer, now)]

    def locked(self, vehicle: str, name: bytes, grant_id: bytes) -> list[bytes]:
        """What it records of a lock that waited for standstill."""
        of = self.vehicles[vehicle]
        now = int(time.time())
        answer = {0: name, 1: command.LOCK, 2: grant_id, 3: record.PENDING}
        change = {0: lock.LOCKED, 1: lock.LOCK_PENDING, 2: lock.STANDSTILL}
        return [of.seal(record.ANSWER, answer, now), of.seal(record.LOCK, change, now)]

    def sample(self, vehicle: str, place: tuple[int, int], state: int) -> bytes:
        of = self.vehicles[vehicle]
        values = {"lat_e7": place[0], "lon_e7": place[1], "state": state}
        return of.sample(int(time.time()), **values)

    def working(self) -> "Working":
        """Issuer and sequencer do their work meanwhile."""
        return Working(self)

    def _add(self, vehicle: str) -> None:
        gateway = _gateway(vehicle)
        folder = make_folder(self.layout.gateway(gateway))
        key = keys.generate_ed25519(folder / "gateway.key")
        fake = FakeVehicle(vehicle)
        owner = keys.load_rsa(self.layout.owner_key)
        chain = delegation(self.layout, Slot(int(vehicle.rpartition("-")[2])))
        with self.database.begin() as connection:
            public = keys.public_bytes(key)
            gateways.register(connection, gateway, public, gateways.GATEWAY, 1)
            vehicles.register(
                connection,
                vehicle,
                gateway,
                keys.thumbprint(owner),
                fake.record_key,
                statement_hash(fake.key),
                1,
            )
            delegations.put(connection, vehicle, chain, 1)
        self.vehicles[vehicle] = fake
        self.outboxes[vehicle] = Outbox(folder / "outbox.db", gateway, key.sign, 1 << 24)

    def _open_log(self) -> None:
        self.origin = installation.origin(self.layout)
        self.sequencer = Sequencer.open(
            self.database, self.layout.ledger, self.origin, self.layout.log_key
        )

    def _open_issuer(self) -> None:
        issuing = keys.load_rsa(self.layout.issuing_key)
        statement_key = keys.load_ed25519(self.layout.issuer_statement_key)
        self.journal = Journal(self.layout.issuer_journal)
        view = LedgerView(self.layout.ledger / "public", self.layout.policy)
        store = Store(self.database, installation.ISSUER, keys.modulus(issuing))
        signers = Signers(
            installation.ISSUER,
            lambda message: keys.sign_ps256(issuing, message),
            statement_key.sign,
        )
        self.issuer = Issuer(store, self.journal, view, signers, 10)

    def _open_api(self) -> None:
        password = self.layout.broker / "api.password"
        write_private(password, b"password-of-the-tests\n")
        settings = ApiSettings(
            f"sqlite:///{self.layout.database}",
            self.layout.operator_token,
            self.layout.policy,
            "127.0.0.1",
            1,  # nobody listens there
            password,
            ledger_public=self.layout.ledger / "public",
            posts_burst=100_000,
            posts_per_minute=100_000,
        )
        self._address = self._open.enter_context(serving(create_app(settings)))
        token = self.layout.operator_token.read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        self.operator = httpx.Client(base_url=self._address, headers=headers, trust_env=False)
        self._open.callback(self.operator.close)


class Working:
    """Issuer and sequencer in a thread of their own while the context lasts."""

    def __init__(self, stand: PrivacyStand) -> None:
        self._stand = stand
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.01):
            self._stand.issuer.step()
            self._stand.sequencer.step()


def grant_id_of(granted: dict[str, object]) -> bytes:
    """The id of the last grant of a chain as the API shows it."""
    grants: list[str] = granted["grants"]  # type: ignore[assignment]
    payload, _ = cose.split(from_text(grants[-1]), cose.PS256, "grant")
    given: bytes = grant.decode(payload).grant_id
    return given


def keep_house(retainer: Retainer, now: int) -> None:
    """A day's run, however many turns of a tenth of a second it takes; the rest do nothing."""
    for _ in range(100):
        retainer.step(now)


def _gateway(vehicle: str) -> str:
    return "gw-" + vehicle.rpartition("-")[2]
