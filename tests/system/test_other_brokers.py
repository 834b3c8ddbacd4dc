"""`trifleet run --broker`: a life over each broker that is not embedded, with two workers."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from running import RunningStack, processes_of
from scene import Scene, direct, signed_command

from protocol import command
from tests.command_line import trifleet
from trifleet import ingest_line
from trifleet.brokers.common import BrokerError
from trifleet.brokers.kinds import BrokerKind
from trifleet.layout import Layout

VEHICLE = "trike-1"
WORKERS = ["ingest", "ingest-2"]
TABLE = {"mosquitto": "mqtt", "rabbitmq": "amqp"}


@pytest.fixture(params=list(TABLE))
def over(request: pytest.FixtureRequest, tmp_path: Path, prepared: Path) -> Iterator[RunningStack]:
    """A stack that runs over this broker, from a folder that was made over another."""
    with_broker = RunningStack.on_copy(
        tmp_path / "data", prepared, 1, "--broker", request.param, "--workers", str(len(WORKERS))
    )
    try:
        with_broker.start(180.0)  # RabbitMQ alone takes ten seconds of processor
        yield with_broker
    finally:
        if with_broker.is_running:
            with_broker.stop()


def test_a_life_over_another_broker(
    over: RunningStack, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    scene = Scene(over, VEHICLE)
    granted = scene.owner.grant(scene.rider.key, VEHICLE)
    presented = {}
    for action in (command.UNLOCK, command.LOCK):
        asked = signed_command(scene.rider.key, VEHICLE, scene.challenge(), granted, action)
        presented[action] = scene.rider.send(
            VEHICLE, direct(scene, granted, asked, scene.rider.key)
        )
        scene.rider.wait(presented[action], ("executed",), 60)
    receipt = tmp_path / "unlock.receipt"
    receipt.write_text(scene.rider.receipt(presented[command.UNLOCK]))
    scene.rider.close()
    # Each had its share: telemetry came to both, and hardly anything to one after the other.
    over.wait_for(lambda: all(stored(over, "samples").values()), "telemetry by both workers", 60)
    duplicate, accepted = (
        sum(stored(over, "statements", verdict=word).values()) for word in ("duplicate", "accepted")
    )
    assert duplicate < accepted / 2
    settings = [tomllib.loads(over.layout.config(name).read_text()) for name in WORKERS]
    kind = request.node.callspec.params["over"]
    assert all(
        one[TABLE[kind]]["user"] == name for one, name in zip(settings, WORKERS, strict=True)
    )
    assert ["ledger" in one for one in settings] == [True, False]
    assert trifleet("doctor", "--data", over.layout.root).returncode == 0
    assert over.stop() == 0
    assert processes_of(over.layout.root) == []
    done = trifleet("ledger", "verify", receipt, "--policy", over.layout.policy, "--json")
    assert done.returncode == 0, done.stderr
    records = json.loads(done.stdout)["records"]
    assert ("UNLOCK", "DONE") in [
        (one["body"].get("action"), one["body"].get("outcome")) for one in records
    ]


def stored(stack: RunningStack, what: str, **labels: str) -> dict[str, float]:
    """What each worker counts of it."""
    found = {}
    for target in json.loads(stack.layout.metrics.read_text()):
        if (name := target["labels"]["program"]) in WORKERS:
            address = f"http://{target['targets'][0]}/metrics"
            text = httpx.get(address, trust_env=False, timeout=10).text
            for family in text_string_to_metric_families(text):
                if family.name == f"trifleet_ingest_{what}":
                    found[name] = sum(
                        one.value
                        for one in family.samples
                        if one.name.endswith("_total") and labels.items() <= one.labels.items()
                    )
    assert sorted(found) == WORKERS
    return found


def test_more_workers_than_the_broker_can_serve_are_told_before_anything_is_made(
    tmp_path: Path,
) -> None:
    done = trifleet("run", "--data", tmp_path / "data", "--port", "0", "--workers", "2")
    assert done.returncode == 1
    assert "--broker mosquitto or --broker rabbitmq" in done.stderr
    assert not Layout(tmp_path / "data").authority.exists()
    with pytest.raises(BrokerError, match="from 1 to 16"):
        ingest_line.require(BrokerKind.MOSQUITTO, 17)


@pytest.mark.parametrize(
    ("kind", "package"), [("mosquitto", "mosquitto"), ("rabbitmq", "rabbitmq-server")]
)
def test_a_missing_package_is_named(
    kind: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("trifleet.brokers.rabbitmq._HOMES", str(tmp_path))
    monkeypatch.setattr("trifleet.brokers.mosquitto.shutil.which", lambda *_, **__: None)
    with pytest.raises(BrokerError, match=f"not installed: apt-get install {package}$"):
        ingest_line.require(BrokerKind(kind), 1)


def test_the_missing_amqp_client_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BrokerError, match=r"AMQP.*requirements-scale\.txt"):
        ingest_line.require(BrokerKind.RABBITMQ, 1)


def test_names_of_workers() -> None:
    assert ingest_line.worker_names(3) == ["ingest", "ingest-2", "ingest-3"]
    for name in ("ingest-1", "ingest-02", "ingest-17", "ingest-2x", "api", "gw-1", ""):
        assert not ingest_line.is_worker(name)
