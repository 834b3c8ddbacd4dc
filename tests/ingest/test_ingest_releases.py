"""Questions about releases and a gateway's word: whose they are, what is kept and answered."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet
from memory_adapter import MemoryAdapter

from fleet_backend.fleet import counters, quarantine, releases
from fleet_backend.ingest import reasons
from fleet_backend.ingest.releasedesk import ReleaseLimits
from fleet_backend.ingest.releasefiles import AskedPiece, AskedWanted, Question, ReleaseFiles
from fleet_backend.ingest.worker import Worker, WorkerSettings
from protocol import courier, delivery, record, update
from protocol.delivery import State, Want
from protocol.errors import DecodeError

DIGEST = bytes(range(32))


class Desk:
    """A worker with two gateways of a vehicle each, and a roll-out to the first."""

    def __init__(self, folder: Path, burst: int = 1_000) -> None:
        self.trike = FakeVehicle("trike-1")
        self.gateways = [FakeGateway("gw-1"), FakeGateway("gw-2")]
        self.database = open_fleet(
            folder, (self.gateways[0], [self.trike]), (self.gateways[1], [FakeVehicle("trike-2")])
        )
        self.adapter = MemoryAdapter()
        self.questions: list[Question] = []
        made = WorkerSettings(releases=ReleaseLimits(burst=burst, per_s=0.0))
        self.worker = Worker(
            self.database, self.adapter, Ed25519PrivateKey.generate(), made,
            now=lambda: NOW, questions=self._ask,
        )  # fmt: skip
        self.roll_out("first", [("trike-1", 1), ("trike-2", 2)])

    def _ask(self, questions: Sequence[Question]) -> None:
        self.questions += questions

    def roll_out(self, name: str, members: list[tuple[str, int]], digest: bytes = DIGEST) -> None:
        new = releases.Rollout(
            name, digest, f"{name}.tfr", "virtual", "1.2", 7, 2, 0, 0, "running", "", 0, NOW, NOW
        )
        with self.database.begin() as connection:
            releases.add(connection, new, members)
            releases.change(connection, name, 0, releases.RUNNING, 1, "", NOW)

    def take(self, payload: bytes, gateway: str = "gw-1") -> None:
        self.adapter.put(gateway, payload, courier.UP_RELEASE)
        self.worker.handle(self.adapter.receive(1_000, 0, 0))

    def record(self, stage: int, code: int = 0, digest: bytes = DIGEST) -> bytes:
        return self.trike.seal(record.UPDATE, {0: stage, 1: digest, 2: code, 3: 7})

    def arrive(self, *records: bytes) -> None:
        self.adapter.put("gw-1", self.gateways[0].message(records), courier.UP_STATEMENT)
        self.worker.handle(self.adapter.receive(1_000, 0, 0))

    def wanted(self, gateway: str = "gw-1") -> list[tuple[str, bytes, str]]:
        self.questions.clear()
        self.take(delivery.encode_ask_wanted(), gateway)
        (found,) = self.questions
        assert isinstance(found, AskedWanted) and found.gateway == gateway
        return [(one.vehicle, one.digest, one.target) for one in found.wants]

    def progress(self) -> releases.Progress:
        with self.database.read() as connection:
            return releases.members(connection, "first")[0]

    def refusals(self) -> list[str]:
        with self.database.read() as connection:
            return [one.reason for one in quarantine.newest(connection, None, 50)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_gateway_hears_what_its_own_vehicles_shall_have(desk: Desk) -> None:
    assert desk.wanted() == [("trike-1", DIGEST, "first.tfr")]
    assert desk.wanted("gw-2") == []  # its wave is not open
    desk.roll_out("second", [("trike-1", 1)], bytes(32))
    assert desk.wanted() == [("trike-1", bytes(32), "second.tfr")]
    with desk.database.begin() as connection:
        releases.change(connection, "second", 1, releases.STOPPED, 1, "", NOW)
    assert desk.wanted() == [("trike-1", DIGEST, "first.tfr")]


def test_the_vehicles_record_ends_an_update_and_the_gateways_word_does_not(desk: Desk) -> None:
    desk.take(delivery.encode_state(State("trike-1", DIGEST, delivery.HANDED_OVER, 0, 1000)))
    assert desk.progress().gateway_state == delivery.HANDED_OVER
    assert desk.wanted()
    begun, trial = desk.record(update.BEGUN), desk.record(update.ON_TRIAL)
    confirmed = desk.record(update.CONFIRMED)
    desk.arrive(begun, confirmed)
    desk.arrive(trial)  # it overtook nobody: the later record counts
    assert desk.progress().stage == update.CONFIRMED
    assert desk.wanted() == []
    with desk.database.read() as connection:
        (has, other) = releases.having(connection)
    assert (has.vehicle, has.digest, has.number) == ("trike-1", DIGEST, 7)
    assert (other.vehicle, other.digest) == ("trike-2", None)


def test_nobody_speaks_for_another_gateways_vehicle(desk: Desk) -> None:
    state = State("trike-1", DIGEST, delivery.FAILED, delivery.NOT_TRUSTED, 0)
    desk.take(delivery.encode_state(state), "gw-2")
    desk.take(b"\xa0", "gw-2")
    assert desk.progress().gateway_state is None
    assert set(desk.refusals()) == {reasons.COURIER_VEHICLE, reasons.COURIER}
    desk.take(delivery.encode_state(State("trike-1", bytes(32), delivery.FAILED, 0, 0)))
    with desk.database.read() as connection:
        assert counters.values(connection)["ingest_releases_not_wanted"] == 1


def test_a_gateway_that_asks_too_fast_gets_no_answer(tmp_path: Path) -> None:
    desk = Desk(tmp_path, burst=3)
    for offset in range(5):
        desk.take(delivery.encode_ask("metadata/timestamp.json", offset))
    assert desk.questions == [
        AskedPiece("gw-1", "metadata/timestamp.json", offset) for offset in range(3)
    ]


def test_files_are_given_from_their_folder_and_from_nowhere_else(tmp_path: Path) -> None:
    sent: list[tuple[str, str, bytes]] = []
    for name in ("metadata", "targets", "keys"):
        (tmp_path / name).mkdir()
    (tmp_path / "targets/a.tfr").write_bytes(bytes(delivery.PIECE) + b"end")
    (tmp_path / "keys/root.key").write_bytes(b"secret")
    (tmp_path / "targets/link").symlink_to(tmp_path / "keys/root.key")
    files = ReleaseFiles(tmp_path, lambda *answer: sent.append(answer))
    files.start()
    names = ("targets/a.tfr", "targets/link", "targets/absent")
    files.ask([AskedPiece("gw-1", name, delivery.PIECE) for name in names])
    files.ask([AskedWanted("gw-1", (Want("trike-1", DIGEST, "a.tfr"),))])
    while len(sent) < 4:
        pass
    files.stop()
    pieces = [delivery.decode_down(payload) for _, _, payload in sent[:3]]
    assert all(isinstance(one, delivery.Piece) for one in pieces)
    assert [one.data for one in pieces if isinstance(one, delivery.Piece)] == [b"end", b"", b""]
    for name in ("keys/root.key", "targets/../keys/root.key", "metadata/.hidden", "targets/"):
        with pytest.raises(DecodeError):
            delivery.decode_up(delivery.encode_ask(name, 0))
