"""One suite for every adapter: what the worker may rely on, whatever the broker is."""

import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from adapter_stands import (
    WINDOW,
    AmqpStand,
    MemoryStand,
    MosquittoStand,
    MqttStand,
    Stand,
    take,
    wait_until,
)
from hypothesis import given
from hypothesis import strategies as st
from ingest_fleet import FakeGateway, FakeVehicle, open_fleet
from worker_site import WorkerSite

from fleet_backend.fleet.errors import SettingsError
from fleet_backend.ingest.amqp import AmqpAdapter, AmqpSettings, parse_key, routing_key
from fleet_backend.ingest.deliveries import Deliveries
from fleet_backend.ingest.errors import BrokerRefusedError
from protocol import courier
from trifleet.brokers.common import BrokerError
from trifleet.brokers.mosquitto import find_binary
from trifleet.brokers.rabbitmq import find_home

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AmqpStand]:
    """One server for all tests: its start costs seconds."""
    try:
        find_home()
    except BrokerError as error:
        pytest.skip(str(error))
    stand = AmqpStand(tmp_path_factory.mktemp("rabbit"))
    yield stand
    stand.close()


@pytest.fixture(params=["memory", "mqtt", "mosquitto", "amqp"])
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    if request.param == "amqp":
        shared = request.getfixturevalue("rabbit")
        yield shared
        shared.empty()
        return
    made = _make(request.param, tmp_path)
    yield made
    made.close()


def _make(kind: str, folder: Path) -> Stand:
    if kind == "memory":
        return MemoryStand()
    if kind == "mqtt":
        return MqttStand(folder)
    _require_mosquitto()
    return MosquittoStand(folder)


def _require_mosquitto() -> None:
    try:
        find_binary()
    except BrokerError as error:
        pytest.skip(str(error))


@pytest.fixture
def adapters(stand: Stand):
    """Makes adapters, and closes what the test left open."""
    made = []

    def make():
        made.append(stand.adapter())
        return made[-1]

    yield make
    for one in made:
        one.close()


def _publish(stand: Stand, count: int, first: int = 0) -> list[bytes]:
    payloads = [b"message %d" % number for number in range(first, first + count)]
    for payload in payloads:
        stand.publish(payload)
    return payloads


def test_messages_come_whole_in_order_and_named(stand: Stand, adapters) -> None:
    adapter = adapters()
    payloads = _publish(stand, 20)
    stand.publish(bytes(range(256)) * 255, courier.UP_STATUS)
    found = take(adapter, 21)
    assert [one.payload for one in found[:-1]] == payloads
    assert {(one.gateway, one.name) for one in found[:-1]} == {("gw-1", "up/statement")}
    assert (found[-1].name, len(found[-1].payload)) == ("up/status", 65_280)
    assert len({one.tag for one in found}) == 21
    adapter.done(found)


def test_a_batch_is_at_most_the_limit_and_may_be_empty(stand: Stand, adapters) -> None:
    adapter = adapters()
    assert adapter.receive(5, 0.05, 0.0) == []
    _publish(stand, 9)
    seen = 0
    while seen < 9:
        batch = adapter.receive(4, 5.0, 0.05)
        assert 1 <= len(batch) <= 4
        adapter.done(batch)
        seen += len(batch)
    assert adapter.receive(5, 0.05, 0.0) == []


def test_what_is_done_does_not_come_again(stand: Stand, adapters) -> None:
    adapter = adapters()
    _publish(stand, 5)
    adapter.done(take(adapter, 5))
    more = _publish(stand, 2, 5)
    adapter.done(take(adapter, 2))
    adapter.close()
    other = adapters()
    stand.publish(b"last")
    assert [one.payload for one in take(other, 1)] == [b"last"]
    assert more == [b"message 5", b"message 6"]


def test_what_is_not_done_comes_again_to_the_next(stand: Stand, adapters) -> None:
    adapter = adapters()
    payloads = _publish(stand, 6)
    found = take(adapter, 6)
    adapter.done(found[:2])
    adapter.done(found[4:5])
    stand.publish(b"later")
    later = take(adapter, 1)
    assert later[0].payload == b"later"
    time.sleep(0.5)  # a `done` may be lost where the line ends right behind it
    adapter.close()
    other = adapters()
    again = take(other, 4)
    assert sorted(one.payload for one in again) == sorted([*payloads[2:4], payloads[5], b"later"])
    other.done(again)


def test_what_was_in_hand_when_the_line_broke_comes_again(stand: Stand, adapters) -> None:
    adapter = adapters()
    payloads = _publish(stand, 5)
    found = take(adapter, 5)
    stand.interrupt(adapter)
    again = take(adapter, 5)
    assert sorted(one.payload for one in again) == sorted(payloads)
    # The worker commits and is done with what came by the line that broke: that says nothing.
    adapter.done(found)
    adapter.done(again)
    stand.publish(b"last")
    last = take(adapter, 1)
    adapter.done(last)
    assert last[0].payload == b"last"


def test_no_more_is_handed_out_than_the_window(stand: Stand, adapters) -> None:
    adapter = adapters()
    payloads = _publish(stand, WINDOW + 30)
    held = take(adapter, WINDOW)
    assert adapter.receive(100, 0.4, 0.1) == []
    adapter.done(held)
    rest = take(adapter, 30)
    adapter.done(rest)
    assert [one.payload for one in held + rest] == payloads


def test_an_answer_reaches_the_gateway(stand: Stand, adapters) -> None:
    adapter = adapters()
    _publish(stand, 1)
    adapter.done(take(adapter, 1))
    for number in range(20):
        adapter.send("gw-1", courier.DOWN_ACK, b"answer %d" % number)
    wait_until(lambda: len(stand.heard()) >= 20, "the answers did not come")
    assert stand.heard()[:20] == [("tf/1/gw-1/down/ack", b"answer %d" % n) for n in range(20)]


def test_an_answer_that_is_sent_without_a_line_raises_nothing(stand: Stand, adapters) -> None:
    adapter = adapters()
    stand.interrupt(adapter)
    for _ in range(50):
        adapter.send("gw-1", courier.DOWN_ACK, bytes(1_000))


def test_two_workers_share_one_queue(rabbit: AmqpStand) -> None:
    one, two = rabbit.adapter(), rabbit.adapter()
    payloads = _publish(rabbit, 2 * WINDOW)
    try:
        found = [take(adapter, WINDOW) for adapter in (one, two)]
        assert sorted(m.payload for part in found for m in part) == sorted(payloads)
        one.done(found[0])
        two.close()
        again = take(one, WINDOW)
        assert {m.payload for m in again} == {m.payload for m in found[1]}
        assert {m.tries for m in again} == {1}
        one.done(again)
    finally:
        one.close()
        two.close()
        rabbit.empty()


def test_two_workers_of_a_group_share_what_comes_by_mqtt(tmp_path: Path) -> None:
    _require_mosquitto()
    stand = MosquittoStand(tmp_path, "workers-of-one-group")
    with closing(stand), closing(stand.adapter()) as one, closing(stand.adapter("ingest-2")) as two:
        seen: dict[str, set[bytes]] = {"one": set(), "two": set()}
        sent = 0
        while not (seen["one"] and seen["two"] and sent >= 200):
            assert sent < 2_000
            _publish(stand, 20, sent)
            sent += 20
            for name, adapter in (("one", one), ("two", two)):
                found = adapter.receive(50, 0.1, 0.02)
                adapter.done(found)
                seen[name].update(message.payload for message in found)
        assert not seen["one"] & seen["two"]


def test_what_the_broker_gave_up_on_comes_with_its_tries(rabbit: AmqpStand) -> None:
    rabbit.publish(b"poison")
    for tries in range(6):
        adapter = rabbit.adapter()
        (found,) = take(adapter, 1)
        assert (found.payload, found.tries) == (b"poison", tries)
        adapter.close()
    adapter = rabbit.adapter()
    (found,) = take(adapter, 1)
    assert (found.gateway, found.name, found.tries) == ("gw-1", "up/statement", 6)
    adapter.done([found])
    adapter.close()
    rabbit.empty()


def test_a_missing_queue_is_named_and_waited_for(rabbit: AmqpStand, caplog) -> None:
    adapter = AmqpAdapter(rabbit.settings(queue="trifleet.absent"))
    wait_until(lambda: "trifleet.absent" in caplog.text, "nothing is said of the queue")
    assert adapter.receive(1, 0.0, 0.0) == []
    adapter.close()


def test_a_broker_that_is_not_there_is_waited_for(rabbit: AmqpStand) -> None:
    from trifleet.ports import free_port

    settings = rabbit.settings()
    adapter = AmqpAdapter(
        AmqpSettings("127.0.0.1", free_port(), "ingest", tls=settings.tls, reconnect_max_s=1)
    )
    assert adapter.receive(1, 0.3, 0.0) == []
    adapter.close()


def test_a_certificate_of_nobody_is_refused_by_name(rabbit: AmqpStand, tmp_path) -> None:
    """Of our authority, and no user of the broker."""
    from trifleet.certificates.authority import Authority
    from trifleet.certificates.files import Party, ensure
    from trifleet.certificates.register import Use

    folder = Path(rabbit.tls["ingest"].ca_file).parents[1]
    party = Party("stranger", tmp_path, Use.INGEST)
    ensure(Authority(folder / "authority"), party)
    from fleet_backend.fleet.mqtt_tls import MqttTls

    tls = MqttTls(party.ca_file, party.certificate_file, party.private_key_file)
    adapter = AmqpAdapter(AmqpSettings("127.0.0.1", rabbit.broker.amqp_port, "stranger", tls=tls))
    with pytest.raises(BrokerRefusedError):
        while True:
            adapter.receive(1, 0.1, 0.0)
    adapter.close()


def test_a_password_never_leaves_the_machine(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="use TLS"):
        AmqpAdapter(AmqpSettings("broker.example", 5672, "ingest", tmp_path / "password"))


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("tf.1.gw-1.up.statement", ("gw-1", "up/statement")),
        ("tf.1.gw-1.up", ("gw-1", "up")),
        ("tf.1.gw-1.up.challenge.v-1", ("gw-1", "up/challenge/v-1")),
        ("tf.2.gw-1.up.statement", None),
        ("tf.1.GW.up.statement", None),
        ("tf.1.gw-1", None),
        ("tf.1.gw-1.up.a/b", None),
        ("tf.1.gw-1.up.", None),
        ("tf.1..up.statement", None),
        ("tf.1.gw-1.up.statement\n", None),
        ("", None),
    ],
)
def test_a_key_names_its_gateway_or_nobody(key: str, found: object) -> None:
    assert parse_key(key) == found


@given(st.text(alphabet="tf1.gw-#*/+é\n", max_size=40))
def test_any_key_is_a_topic_of_ours_or_none(key: str) -> None:
    found = parse_key(key)
    assert found is None or routing_key(*found) == key


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=40))
def test_every_delivery_is_acknowledged_once_and_never_before_it_is_done(steps) -> None:
    """Against the broker's own reading of `multiple`."""
    deliveries, broker, done, tags = Deliveries(), set[int](), set[int](), dict[int, int]()
    deliveries.begin()
    for number, (pick, is_new) in enumerate(steps, 1):
        if is_new or not tags:
            tags[number] = deliveries.tag(number)
            broker.add(number)
            continue
        chosen = sorted(tags)[: pick + 1][-3:]
        done |= set(chosen)
        up_to, singly = deliveries.done([tags.pop(one) for one in chosen])
        acknowledged = set(singly) | {one for one in broker if up_to is not None and one <= up_to}
        assert acknowledged <= done
        assert set(singly) <= broker
        broker -= acknowledged
        assert not broker & set(chosen)
    assert broker == set(tags)
    assert len(deliveries) == len(broker)


def test_a_delivery_of_an_earlier_channel_acknowledges_nothing() -> None:
    deliveries = Deliveries()
    deliveries.begin()
    old = deliveries.tag(1)
    deliveries.begin()
    new = deliveries.tag(1)
    assert old != new
    assert deliveries.done([old]) == (None, [])
    assert deliveries.done([new]) == (1, [])
    assert deliveries.done([new, 0]) == (None, [])


def test_three_workers_that_share_a_queue_are_killed_and_everything_is_there_once(
    rabbit: AmqpStand, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    gateway, vehicle = FakeGateway("gw-1"), FakeVehicle("v-1")
    database = open_fleet(tmp_path, (gateway, [vehicle]))
    url = f"sqlite:///{tmp_path / 'fleet.db'}"
    site = WorkerSite(tmp_path, url, database, gateway, vehicle)
    tls = rabbit.tls["ingest"]
    files = {
        "ca_file": str(tls.ca_file),
        "certificate_file": str(tls.certificate_file),
        "private_key_file": str(tls.private_key_file),
    }
    amqp = {"host": "127.0.0.1", "port": rabbit.broker.amqp_port, "user": "ingest", "tls": files}

    def start(name: str) -> None:
        site.start(name, {"amqp": {**amqp, "reconnect_max_s": 1}})

    try:
        for name in ("w-1", "w-2", "w-3"):
            start(name)
        for _ in range(3):
            for _ in range(rng.randint(20, 80)):
                rabbit.publish(site.message()[1])
            site.kill_at_random(rng, start, 1)
        # No gateway sends again here: what a killed worker had comes from the queue.
        site.assert_exactly_once(gateway.seq)
        site.check_alive()
    finally:
        site.close()
        rabbit.empty()
