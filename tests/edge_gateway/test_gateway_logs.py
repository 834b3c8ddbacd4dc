"""The gateway as a process that follows logs, over a real broker, with what an operator may do."""

import os
import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.publish as publish
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_site import Stand, fill
from gateway_stand import GATEWAY, FakeBackend, wait_until
from log_stand import KEY, FolderLog, MemoryLog, show, size_of

from edge_gateway.checkpoints import Checkpoints
from fleet_backend.ledger.checkpoint import open_checkpoint
from fleet_backend.ledger.evidence import complete_evidence, find_contradiction, verify_evidence
from protocol import courier, sighting, statement

OTHER = "other.example/log"
QUICK = {"sighting_s": 1, "sighting_again_s": 2}


class Scene:
    """A stand whose gateway follows logs; the backend shows them unless told otherwise."""

    def __init__(self, folder: Path, *logs: FolderLog) -> None:
        self.stand = Stand(folder / "stand", vkeys=[log.vkey for log in logs], **QUICK)
        self.backend: FakeBackend = self.stand.backend
        for log in logs:
            self.backend.logs[log.origin] = log.show
        self.memory = folder / "stand/gw/checkpoints.db"
        self.stand.broker.start()

    def close(self) -> None:
        self.stand.close()

    def sizes(self, origin: str) -> list[int]:
        """What the gateway said that it holds, in the order in which it came."""
        return [
            size_of(one.held)
            for one in list(self.backend.sightings)
            if one.origin == origin and not one.refused
        ]

    def disagreements(self) -> list[sighting.Sighting]:
        return [one for one in list(self.backend.sightings) if one.refused]

    def wait_for(self, log: FolderLog, size: int) -> None:
        wait_until(lambda: size in self.sizes(log.origin)[-1:], f"size {size} seen")

    def events(self) -> list[str]:
        """What the chain of statements tells of logs."""
        return [text for event, text in self.backend.events() if event == statement.LOG_DISAGREES]


@pytest.fixture
def log(tmp_path: Path) -> FolderLog:
    made = FolderLog(tmp_path / "log")
    made.grow(10)
    return made


@pytest.fixture
def scene(tmp_path: Path, log: FolderLog) -> Iterator[Scene]:
    made = Scene(tmp_path, log)
    try:
        yield made
    finally:
        made.close()


def _earlier(log: FolderLog, folder: Path) -> FolderLog:
    """The same log under the same key as it is now, to go on from here by itself."""
    log.writer.close()
    shutil.copytree(log.folder, folder)
    log.writer = FolderLog(log.folder, log.origin, KEY, begin=False).writer
    return FolderLog(folder, log.origin, KEY, begin=False)


def test_a_growing_log_is_followed_and_told(scene: Scene, log: FolderLog) -> None:
    scene.stand.gateway.start()
    scene.wait_for(log, 10)
    for size in (11, 300):
        log.grow(size - log.writer.size)
        scene.wait_for(log, size)
    assert scene.sizes(log.origin)[0] == 0  # it begins by asking
    for seen in scene.backend.sightings:
        if seen.held:
            signed = open_checkpoint(seen.held, (log.verifier,))
            assert log.reader().root_at(signed.size) == signed.root
    assert scene.disagreements() == [] and scene.backend.faults == []


def test_a_roll_back_is_refused_remembered_and_told(
    scene: Scene, log: FolderLog, tmp_path: Path
) -> None:
    old = _earlier(log, tmp_path / "old")
    log.grow(15)
    scene.stand.gateway.start()
    scene.wait_for(log, 25)
    scene.backend.logs[log.origin] = old.show
    wait_until(scene.disagreements, "the roll-back told")
    seen = scene.disagreements()[0]
    assert (size_of(seen.held), size_of(seen.refused)) == (25, 10)
    # Shown again and again, and after kill -9: it is told again, and 25 is what is held.
    scene.stand.gateway.kill()
    scene.backend.sightings.clear()
    scene.stand.gateway.start()
    wait_until(scene.disagreements, "the roll-back told again")
    wait_until(lambda: scene.sizes(log.origin), "a sighting")
    assert set(scene.sizes(log.origin)) == {25}
    # In the chain of statements once, where nobody takes it out.
    wait_until(scene.events, "an event in the chain")
    assert len(scene.events()) == 1 and "rolled back" in scene.events()[0]
    # Back on the history that it saw, the gateway follows on.
    log.grow(5)
    scene.backend.logs[log.origin] = log.show
    scene.wait_for(log, 30)


@pytest.mark.parametrize("size", [25, 40], ids=["same-size", "larger"])
def test_a_fork_is_refused_remembered_and_told(
    scene: Scene, log: FolderLog, tmp_path: Path, size: int
) -> None:
    fork = _earlier(log, tmp_path / "fork")
    fork.grow(size - 10, "another history")
    log.grow(15)
    scene.stand.gateway.start()
    scene.wait_for(log, 25)
    scene.backend.logs[log.origin] = fork.show
    wait_until(scene.disagreements, "the fork told")
    seen = scene.disagreements()[0]
    held = open_checkpoint(seen.held, (log.verifier,))
    refused = open_checkpoint(seen.refused, (log.verifier,))
    assert (held.size, held.root) == (25, log.reader().root_at(25))
    assert (refused.size, refused.root) == (size, fork.reader().update().root)
    assert bool(seen.proof) == (size > 25)
    scene.stand.gateway.kill()
    memory = Checkpoints(scene.memory)
    kept = memory.held(log.origin)
    assert kept is not None and kept[0] == seen.held
    (number,) = memory.numbers(log.origin)
    assert memory.disagreement(number).refused == seen.refused
    memory.close()


def test_another_key_is_refused(scene: Scene, log: FolderLog, tmp_path: Path) -> None:
    thief = FolderLog(tmp_path / "thief", log.origin, Ed25519PrivateKey.generate())
    thief.grow(50)
    scene.backend.logs[log.origin] = thief.show
    scene.stand.gateway.start()
    wait_until(lambda: b"checkpoint of" in scene.stand.gateway.log.read_bytes(), "the refusal")
    wait_until(lambda: len(scene.sizes(log.origin)) > 1, "sightings")
    assert set(scene.sizes(log.origin)) == {0} and scene.disagreements() == []
    scene.backend.logs[log.origin] = log.show
    scene.wait_for(log, 10)


def test_killed_at_random_moments_it_never_goes_back(scene: Scene, log: FolderLog) -> None:
    seed = int(os.environ.get("GATEWAY_SEED", random.SystemRandom().randrange(1 << 30)))
    print(f"GATEWAY_SEED={seed}")
    rng = random.Random(seed)
    lock, done = threading.Lock(), threading.Event()

    def answer(held: bytes) -> bytes:
        with lock:
            return show(log.reader(), log.origin, held)

    def grow() -> None:
        while not done.wait(0.02):
            with lock:
                log.grow(1)

    scene.backend.logs[log.origin] = answer
    grower = threading.Thread(target=grow)
    grower.start()
    try:
        for _ in range(5):
            scene.stand.gateway.start()
            before = len(scene.backend.sightings)
            wait_until(lambda before=before: len(scene.backend.sightings) > before, "a sighting")
            done.wait(rng.uniform(0.0, 0.6))
            scene.stand.gateway.kill()
    finally:
        done.set()
        grower.join()
    scene.stand.gateway.start()
    scene.wait_for(log, log.writer.size)
    seen = scene.sizes(log.origin)
    assert seen == sorted(seen), "what was published was not on disk"
    assert scene.disagreements() == []


def test_two_logs_are_followed_apart(tmp_path: Path) -> None:
    first = FolderLog(tmp_path / "first")
    second = FolderLog(tmp_path / "second", OTHER, Ed25519PrivateKey.generate())
    first.grow(10)
    second.grow(20)
    scene = Scene(tmp_path, first, second)
    try:
        scene.stand.gateway.start()
        scene.wait_for(first, 10)
        scene.wait_for(second, 20)
        # One log's checkpoint under the other's name, and with its signature.
        scene.backend.logs[OTHER] = lambda held: courier.encode_checkpoint(
            OTHER, first.reader().update().note, size_of(held), []
        )
        first.grow(1)
        scene.wait_for(first, 11)
        refusal = f"checkpoint of {OTHER} refused".encode()
        wait_until(lambda: refusal in scene.stand.gateway.log.read_bytes(), "the refusal")
        assert set(scene.sizes(OTHER)) <= {0, 20} and scene.disagreements() == []
    finally:
        scene.close()


def test_records_flow_while_nobody_answers_about_logs(scene: Scene, log: FolderLog) -> None:
    scene.backend.logs.clear()
    vcu = scene.stand.start_vcu()
    scene.stand.gateway.start()
    fill(vcu, 30)
    scene.stand.wait_for_all()
    wait_until(lambda: len(scene.sizes(log.origin)) > 2, "the question again and again")
    scene.backend.logs[log.origin] = log.show
    scene.wait_for(log, 10)
    fill(vcu, 5)
    scene.stand.wait_for_all()
    scene.stand.check()


def test_the_backend_is_away_and_comes_back(scene: Scene, log: FolderLog) -> None:
    scene.stand.gateway.start()
    scene.wait_for(log, 10)
    scene.stand.broker.kill()
    log.grow(7)
    scene.stand.broker.start()
    scene.wait_for(log, 17)
    assert scene.disagreements() == []


def test_a_memory_that_is_spoilt_stops_no_record(scene: Scene, log: FolderLog) -> None:
    scene.memory.write_bytes(b"spoilt" * 1000)
    vcu = scene.stand.start_vcu()
    scene.stand.gateway.start()
    fill(vcu, 20)
    scene.stand.wait_for_all()
    assert b"no log is followed" in scene.stand.gateway.log.read_bytes()
    assert scene.backend.sightings == []
    assert scene.memory.read_bytes() == b"spoilt" * 1000


def test_nonsense_and_forgeries_over_the_broker_change_nothing(
    scene: Scene, log: FolderLog
) -> None:
    rng = random.Random(11)
    vcu = scene.stand.start_vcu()
    scene.stand.gateway.start()
    scene.wait_for(log, 10)
    forger = MemoryLog(log.origin, Ed25519PrivateKey.generate()).grow(b"a", b"b")
    good = log.show(log.reader().update().note)
    for number in range(10_000):
        bad = [rng.randbytes(rng.randrange(60)), forger.show(10, 2), good[: rng.randrange(80)]]
        scene.backend.send(courier.DOWN_CHECKPOINT, bad[number % 3])
    fill(vcu, 20)
    log.grow(3)
    scene.stand.wait_for_all()
    scene.wait_for(log, 13)
    scene.stand.check()
    assert scene.disagreements() == [] and scene.stand.gateway.running


def test_an_operator_with_two_histories_is_found_out(tmp_path: Path) -> None:
    """One key, two histories, two gateways that never see both: their sightings do not agree."""
    left = FolderLog(tmp_path / "left")
    left.grow(10)
    right = _earlier(left, tmp_path / "right")
    left.grow(10, "for the left")
    right.grow(10, "for the right")
    scenes = [Scene(tmp_path / "a", left), Scene(tmp_path / "b", right)]
    try:
        for scene, log in zip(scenes, (left, right), strict=True):
            scene.stand.gateway.start()
            scene.wait_for(log, 20)
        seen = [scene.backend.sightings[-1] for scene in scenes]
        assert [scene.disagreements() for scene in scenes] == [[], []]
        one, other = (open_checkpoint(each.held, (left.verifier,)) for each in seen)
        assert (one.origin, one.size) == (other.origin, other.size) and one.root != other.root
        evidence = find_contradiction(one, other)
        assert evidence is not None
        split = verify_evidence(bytes(evidence), (left.verifier,))
        assert "two roots for size 20" in str(split)
        # What either gateway saw, the other one refuses and keeps.
        scenes[0].backend.logs[left.origin] = right.show
        wait_until(scenes[0].disagreements, "the other history refused")
        assert scenes[0].disagreements()[0].refused == seen[1].held
    finally:
        for scene in scenes:
            scene.close()


def test_who_reads_the_log_against_a_sighting_finds_the_fork(
    scene: Scene, log: FolderLog, tmp_path: Path
) -> None:
    """Sizes need not meet: the history that is shown has another root at the size that was seen."""
    fork = _earlier(log, tmp_path / "fork")
    fork.grow(40, "another history")
    log.grow(5)
    scene.stand.gateway.start()
    scene.wait_for(log, 15)
    held = open_checkpoint(scene.backend.sightings[-1].held, (log.verifier,))
    shown = fork.reader()
    assert shown.update().size == 50
    assert shown.root_at(held.size) != held.root
    assert log.reader().root_at(held.size) == held.root
    suspicion = find_contradiction(held, shown.checkpoint)
    assert suspicion is not None and not suspicion.is_complete
    evidence = complete_evidence(suspicion, fork.fetch, (log.verifier,))
    split = verify_evidence(bytes(evidence), (log.verifier,))
    assert (split.first.root, split.other_root) == (held.root, shown.root_at(held.size))


def test_no_other_credential_reaches_down_checkpoint(scene: Scene, log: FolderLog) -> None:
    """The API's and a gateway's own may not write there; on MQTT 3.1.1 nothing tells them so."""
    scene.stand.gateway.start()
    scene.wait_for(log, 10)
    scene.backend.logs.clear()
    log.grow(5)
    message = log.show(scene.backend.sightings[-1].held)
    topic = courier.topic(GATEWAY, courier.DOWN_CHECKPOINT)
    folder, port = scene.stand.folder, scene.stand.broker.port
    word = (folder / "api.password").read_text().strip()
    for user, password in (("api", word), (GATEWAY, (folder / "gw/mqtt.password").read_text())):
        publish.single(
            topic, message, 1, hostname="127.0.0.1", port=port, client_id=f"{user}-2",
            auth={"username": user, "password": password.strip()},
        )  # fmt: skip
    told = len(scene.backend.sightings)
    wait_until(lambda: len(scene.backend.sightings) > told + 1, "further sightings")
    assert scene.sizes(log.origin)[-1] == 10
    # The same message by the ingest's credential is taken: it was a good one.
    scene.backend.send(courier.DOWN_CHECKPOINT, message)
    scene.wait_for(log, 15)
