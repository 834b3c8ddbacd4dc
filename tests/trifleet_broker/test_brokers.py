"""Three brokers, one contract: who is let in, what each may do, and what revocation ends."""

import contextlib
import datetime
import os
import random
import resource
import shutil
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import broker_attacks as attacks
import pika
import pytest
from amqp_line import amqp_channel
from broker_stand import (
    EMBEDDED,
    KINDS,
    MOSQUITTO,
    RABBITMQ,
    Peer,
    Site,
    make_site,
    tls_of,
    wait_until,
)
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from gateway_over_broker import Ride
from hostile_relay import HostileRelay

from edge_gateway.mqtt_tls import MqttTls
from fleet_backend.fleet.mqtt_tls import MqttTls as MqttTlsOfBackend
from fleet_backend.ingest.errors import BrokerRefusedError
from fleet_backend.ingest.mqtt import MqttAdapter, MqttSettings
from trifleet.brokers.common import BrokerError, Role, User
from trifleet.brokers.rabbitmq import RabbitMq
from trifleet.brokers.rabbitmq_config import DEAD_QUEUE, DELIVERY_LIMIT, UP_QUEUE
from trifleet.certificates import files, x509_parts
from trifleet.certificates.authority import (
    DAY_S,
    create,
    load_certificate,
    load_key,
    write_key,
)
from trifleet.certificates.files import Party

pytestmark = pytest.mark.slow

FORGED_NAMES = ("gw/1", "gw+1", "+", "#", "$SYS", "gw 1", "GW-1", "gw-1\x00x", "gw-1,CN=gw-2", "")


@pytest.fixture(scope="module", params=KINDS)
def common(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    site = make_site(request.param, tmp_path_factory.mktemp(request.param))
    try:
        yield site
    finally:
        site.close_peers()
        site.broker.stop()


@pytest.fixture
def site(common: Site) -> Iterator[Site]:
    yield common
    common.close_peers()


def forged(
    site: Site, name: str, life: tuple[int, int] = (-DAY_S, DAY_S), ca: Path | None = None
) -> MqttTls:
    """A certificate that the authority (or another one) signed and never would."""
    folder = site.folder / "forged" / str(len(list(site.folder.glob("forged/*"))))
    party = Party("gw-1", folder)
    key = ec.generate_private_key(ec.SECP256R1())
    write_key(party.private_key_file, key)
    base = ca or site.authority.folder
    root = load_certificate(base / "authority.pem")
    now = int(datetime.datetime.now(datetime.UTC).timestamp())
    serial = x509.random_serial_number()
    subject = x509.Name(
        [x509.NameAttribute(x509.NameOID.COMMON_NAME, name, _validate=False)] if name else []
    )
    builder = x509_parts._leaf(
        root, subject, key.public_key(), serial, (now + life[0], now + life[1])
    )
    usage = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH])
    made = builder.add_extension(usage, False).sign(
        load_key(base / "authority.key"), x509_parts._HASH
    )
    party.certificate_file.write_bytes(made.public_bytes(Encoding.PEM))
    shutil.copyfile(site.authority.certificate_file, party.ca_file)
    return tls_of(party)


UP = ("statement", "status", "command", "sighting", "release", "challenge", "challenge/trike-1")


def test_a_message_goes_up_and_an_answer_comes_down(site: Site) -> None:
    name, piece = site.gateway(), bytes(8_300)
    ingest, api, own = site.listening_ingest(), site.join("api"), site.join(name)
    for down in ("ack", "command", "checkpoint", "release"):
        assert own.subscribe(f"tf/1/{name}/down/{down}")
    for up in UP:
        assert own.publish(f"tf/1/{name}/up/{up}", up.encode())
    for up in UP:
        ingest.wait_for(up.encode())
    assert ingest.publish(f"tf/1/{name}/down/ack", b"ack")
    assert ingest.publish(f"tf/1/{name}/down/checkpoint", b"checkpoint")
    assert ingest.publish(f"tf/1/{name}/down/release", piece)
    assert api.publish(f"tf/1/{name}/down/command", b"command")
    for payload in (b"ack", b"checkpoint", piece, b"command"):
        own.wait_for(payload)


@pytest.mark.parametrize(
    "topic",
    [
        "tf/1/{victim}/up/statement",
        "tf/1/{victim}/up/status",
        "tf/1/{victim}/down/ack",
        "tf/1/{own}/down/ack",
        "tf/1/{own}/up/nonsense",
        "tf/1/{own}/up/challenge/a/b",
        "$SYS/broker/log",
        "$MQTT/msgs/tf/1/{victim}/down/ack",
        "$share/g/tf/1/{victim}/down/ack",
        "tf.1.{victim}.down.ack",
    ],
    ids=range(10),
)
def test_nothing_is_published_beyond_one_s_own_topics(site: Site, topic: str) -> None:
    victim, thief_name = "gw-1", "gw-2"
    ingest, own = site.listening_ingest(), site.listening_gateway(victim)
    thief = site.join(thief_name)
    thief.subscribe(f"tf/1/{thief_name}/down/ack")
    for retain in (False, True):
        if not thief.gone:
            thief.publish(topic.format(victim=victim, own=thief_name), b"forged", retain)
    honest = site.join("gw-3")
    assert honest.publish("tf/1/gw-3/up/statement", b"honest")
    assert ingest.publish(f"tf/1/{victim}/down/ack", b"true")
    assert b"forged" not in ingest.wait_for(b"honest") + own.wait_for(b"true")
    assert b"forged" not in thief.payloads()
    # Nor does it wait, retained, for who subscribes later.
    own.close()
    again = site.listening_gateway(victim)
    assert ingest.publish(f"tf/1/{victim}/down/ack", b"true again")
    assert b"forged" not in again.wait_for(b"true again")


@pytest.mark.parametrize(
    "topic",
    [
        "tf/1/{victim}/down/ack",
        "tf/1/+/down/ack",
        "+/+/+/+/+",
        "tf/#",
        "#",
        "$SYS/#",
        "$MQTT/#",
        "$JS/#",
        "$share/g/tf/1/{victim}/down/ack",
        "$share/g/#",
        "tf/1/{victim}/up/statement",
    ],
    ids=range(11),
)
def test_nothing_is_heard_beyond_one_s_own_topics(site: Site, topic: str) -> None:
    victim = "gw-4"
    ingest, own, spy = site.join("ingest"), site.listening_gateway(victim), site.join("gw-5")
    spy.subscribe("tf/1/gw-5/down/ack")
    spy.subscribe(topic.format(victim=victim))
    assert own.publish(f"tf/1/{victim}/up/statement", b"secret")
    for round_ in range(3):
        assert ingest.publish(f"tf/1/{victim}/down/ack", b"secret %d" % round_)
    assert ingest.publish("tf/1/gw-5/down/ack", b"own")
    own.wait_for(b"secret 2")
    if not spy.gone:
        spy.wait_for(b"own")
    assert [one for one in spy.payloads() if one.startswith(b"secret")] == []


def test_neither_api_nor_ingest_reaches_further_than_it_must(site: Site) -> None:
    name = site.gateway()
    own, ingest, api = site.listening_gateway(name), site.join("ingest"), site.join("api")
    own.subscribe(f"tf/1/{name}/down/command")
    api.publish(f"tf/1/{name}/down/ack", b"forged")
    ingest.publish(f"tf/1/{name}/down/command", b"forged")
    api, ingest = site.join("api"), site.join("ingest")
    api.subscribe("tf/1/+/up/statement")
    assert own.publish(f"tf/1/{name}/up/statement", b"secret")
    assert ingest.publish(f"tf/1/{name}/down/ack", b"true")
    assert b"forged" not in own.wait_for(b"true")
    assert api.payloads() == []


def test_without_a_good_certificate_nobody_gets_in(site: Site, tmp_path: Path) -> None:
    create(tmp_path / "foreign", "fleet-test.local authority")  # the same name, another key
    own = site.tls("gw-1")
    strangers = {
        "another authority's": forged(site, "gw-1", ca=tmp_path / "foreign"),
        "over": forged(site, "gw-1", (-2 * DAY_S, -DAY_S)),
        "not yet": forged(site, "gw-1", (DAY_S, 2 * DAY_S)),
        "the broker's own": MqttTls(
            own.ca_file,
            site.folder / "broker-tls/mqtt.pem",
            site.folder / "broker-tls/mqtt.key",
        ),
    }
    for what, tls in strangers.items():
        assert not site.join("gw-1", tls=tls, client_id="gw-1-x").connected, what
    assert site.join("gw-1").connected


HELLO = bytes.fromhex("101000044d5154540402003c000467772d31")  # CONNECT as gw-1
WELCOME = b"\x20\x02\x00\x00"


def said_to(line: socket.socket) -> bytes:
    """What the broker says to a CONNECT; nothing where it hangs up."""
    try:
        line.sendall(HELLO)
        return line.recv(100)
    except OSError:
        return b""


def test_without_any_certificate_or_in_plain_text_nobody_gets_in(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.broker.port), 10) as line:
        assert not said_to(line).startswith(WELCOME)
    context = ssl.create_default_context(cafile=str(site.authority.certificate_file))
    answer = b""
    try:
        with (
            socket.create_connection(("127.0.0.1", site.broker.port), 10) as line,
            context.wrap_socket(line, server_hostname="127.0.0.1") as secure,
        ):
            answer = said_to(secure)
    except OSError:
        pass
    assert answer == b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
def test_tls_1_2_and_1_3_are_spoken(site: Site, version: ssl.TLSVersion) -> None:
    context = site.tls("gw-1").context()
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", site.broker.port), 10) as line,
        context.wrap_socket(line, server_hostname="localhost") as secure,
    ):
        assert secure.version() == {771: "TLSv1.2", 772: "TLSv1.3"}[version]


def goes_on(site: Site) -> bool:
    """An honest gateway is served: it connects, is heard, and hears its answer."""
    name = site.gateway()
    ingest, honest = site.listening_ingest(), site.listening_gateway(name)
    assert honest.publish(f"tf/1/{name}/up/statement", name.encode())
    ingest.wait_for(name.encode())
    assert ingest.publish(f"tf/1/{name}/down/ack", b"answer")
    heard = honest.wait_for(b"answer")
    for peer in (ingest, honest):
        peer.close()  # nats-server keeps out, for a while, who takes his own session over and over
    return b"answer" in heard


def reaches_nothing(site: Site, peer: Peer) -> bool:
    """Refused, or connected without any right (mosquitto, to which a certificate is a user)."""
    ingest, own = site.listening_ingest(), site.listening_gateway("gw-1")
    if peer.connected:
        peer.subscribe("#")
    for topic in ("tf/1/gw-1/up/statement", "tf/1/gw/1/up/statement", "tf/1/x/down/ack"):
        if peer.connected and not peer.gone:
            peer.publish(topic, b"forged")
    assert own.publish("tf/1/gw-1/up/statement", b"honest")
    assert ingest.publish("tf/1/gw-1/down/ack", b"true")
    seen = ingest.wait_for(b"honest") + own.wait_for(b"true")
    return b"forged" not in seen and peer.payloads() == []


@pytest.mark.parametrize("name", FORGED_NAMES, ids=range(len(FORGED_NAMES)))
def test_a_name_that_is_no_identifier_reaches_nothing(site: Site, name: str) -> None:
    peer = site.join("gw-1", tls=forged(site, name), client_id="forged")
    assert reaches_nothing(site, peer)


def test_who_is_not_listed_reaches_nothing(site: Site) -> None:
    assert reaches_nothing(site, site.join("gw-1", tls=forged(site, "gw-999"), client_id="new"))


def test_a_user_name_beside_the_certificate_changes_nothing(site: Site) -> None:
    """The certificate says who it is; another name is refused, or not looked at."""
    thief = site.join("gw-6", user="gw-1", password="", client_id="x")
    ingest = site.listening_ingest()
    if thief.connected:
        thief.publish("tf/1/gw-1/up/statement", b"forged")
    own = site.join("gw-1")
    assert own.publish("tf/1/gw-1/up/statement", b"honest")
    assert b"forged" not in ingest.wait_for(b"honest")


def test_nobody_takes_the_session_of_another(site: Site) -> None:
    victim = site.gateway()
    own, ingest = site.listening_gateway(victim), site.join("ingest")
    for guess in (victim, f"{victim}-{'0' * 32}", own.client._client_id.decode()[:-1] + "g"):
        thief = site.join(site.gateway(), client_id=guess)
        if thief.connected:
            thief.subscribe(f"tf/1/{victim}/down/ack")
        assert ingest.publish(f"tf/1/{victim}/down/ack", guess.encode())
        own.wait_for(guess.encode())
        assert not own.gone and thief.payloads() == []
    own.close()
    assert ingest.publish(f"tf/1/{victim}/down/ack", b"while away")
    site.listening_gateway(victim).wait_for(b"while away")


def test_a_will_on_another_s_topic_is_not_carried_out(site: Site) -> None:
    ingest, own = site.listening_ingest(), site.listening_gateway("gw-1")
    for topic in ("tf/1/gw-1/up/status", "tf/1/gw-1/down/ack", "tf/1/+/up/status"):
        forger = site.join(site.gateway(), will=topic, clean=True)
        if forger.connected:
            forger.vanish()
    assert own.publish("tf/1/gw-1/up/statement", b"honest")
    assert ingest.publish("tf/1/gw-1/down/ack", b"true")
    assert b"forged will" not in ingest.wait_for(b"honest") + own.wait_for(b"true")


def test_one_s_own_last_will_is_carried_out(site: Site) -> None:
    name = site.gateway()
    ingest = site.listening_ingest()
    site.join(name, will=f"tf/1/{name}/up/status").vanish()
    ingest.wait_for(b"forged will")


def test_revocation_ends_the_connection_and_lets_nobody_in_again(site: Site) -> None:
    name, bystander = site.gateway(), site.gateway()
    own, other = site.listening_gateway(name), site.listening_gateway(bystander)
    old = shutil.copytree(site.party(name).folder, site.folder / f"stolen-{name}")
    stolen = tls_of(Party(name, old))
    site.authority.revoke(name)
    site.apply()
    own.wait_gone()
    assert not site.join(name).connected
    # A new key for the name: the old certificate stays out, though the name is good again.
    files.replace_key(site.authority, site.party(name))
    site.apply()
    wait_until(lambda: site.join(name).connected, "the new certificate")
    assert not site.join(name, tls=stolen, client_id="stolen").connected
    if other.gone:  # where it took a restart
        other = site.listening_gateway(bystander)
    site.join("ingest").publish(f"tf/1/{bystander}/down/ack", b"served on")
    other.wait_for(b"served on")


def test_the_broker_s_revoke_is_enough_by_itself(site: Site) -> None:
    """Without a word of the authority, the name alone is taken out of the list."""
    name = site.gateway()
    own = site.listening_gateway(name)
    site.broker.revoke(name)
    own.wait_gone()
    assert reaches_nothing(site, site.join(name))
    site.apply()


def test_a_tls_session_of_before_is_not_taken_up_after_revocation(site: Site) -> None:
    name = site.gateway()
    context = site.tls(name).context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", site.broker.port), 10) as line,
        context.wrap_socket(line, server_hostname="localhost") as secure,
    ):
        session = secure.session
    site.authority.revoke(name)
    site.apply()
    wait_until(lambda: site.join("gw-1").connected, "the broker")
    answer = b""
    try:
        with (
            socket.create_connection(("127.0.0.1", site.broker.port), 10) as line,
            context.wrap_socket(line, server_hostname="localhost", session=session) as secure,
        ):
            answer = said_to(secure)
    except OSError:
        pass
    assert not answer.startswith(WELCOME)


def test_its_files_are_private_and_its_command_line_tells_nothing(site: Site) -> None:
    site.broker.write_config()
    folder = site.folder / "broker"
    made = [
        path for path in folder.iterdir() if path.suffix in (".conf", ".acl", ".json", ".config")
    ]
    assert made and all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in made)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    words = " ".join(site.broker.command())
    key = (site.folder / "broker-tls/mqtt.key").read_text().splitlines()[1]
    assert key not in words and "BEGIN" not in words


@pytest.mark.parametrize("name", ["", "gw.1", "gw/1", "gw*", ">", "GW", "gw 1", 'a"b', "-a", "a\n"])
def test_a_user_whose_name_is_no_identifier_is_refused(site: Site, name: str) -> None:
    with pytest.raises(BrokerError, match="identifier"):
        site.broker.set_users([User(name, Role.GATEWAY, serials=(1,))])
    with pytest.raises(BrokerError, match="twice"):
        site.broker.set_users([User("a", Role.GATEWAY), User("a", Role.API)])
    assert site.join("gw-1").connected


@pytest.mark.only(RABBITMQ)
def test_what_a_node_writes_when_it_breaks_down_comes_to_lie_in_its_folder(site: Site) -> None:
    assert isinstance(site.broker, RabbitMq)
    ours = Path(f"/proc/{site.broker.pid}/task/{site.broker.pid}/children").read_text().split()
    assert ours
    for child in ours:
        assert Path(f"/proc/{child}/cwd").readlink() == site.broker.settings.folder


@pytest.mark.only(RABBITMQ)
def test_the_guest_of_rabbitmq_is_not_there(site: Site) -> None:
    table = site.broker.control("list_users")  # type: ignore[union-attr]
    known = {line.split("\t")[0] for line in table.splitlines()[1:]}
    assert "guest" not in known and "ingest" in known
    assert known == {user.name for user in site.users()}


def test_a_message_of_one_mebibyte_goes_nowhere(site: Site) -> None:
    ingest = site.listening_ingest()
    with attacks.mqtt_line(site, "gw-2") as line:
        attacks.stream_publish(line, "tf/1/gw-2/up/statement", 1 << 20)
        # RabbitMQ drops the message and says nothing; the others end the line.
        assert attacks.is_hung_up(line, 3.0) or site.kind == RABBITMQ
        honest = site.join("gw-3")
        assert honest.publish("tf/1/gw-3/up/statement", b"honest")
    assert max(map(len, ingest.wait_for(b"honest"))) <= 128 * 1024


def test_a_message_of_one_gigabyte_is_cut_off_and_fills_nothing(site: Site) -> None:
    """Four packets of the largest size that MQTT can say, as far as the broker lets them come."""
    before = attacks.memory_mb(site)
    for _ in range(4):
        with attacks.mqtt_line(site, "gw-2") as line:
            attacks.stream_publish(line, "tf/1/gw-2/up/statement", attacks.LARGEST)
            assert attacks.is_hung_up(line, 5.0)
            assert attacks.memory_mb(site) - before < 320
        assert goes_on(site)


def test_a_reader_who_takes_nothing_costs_little_and_holds_nobody_up(site: Site) -> None:
    ingest, before = site.join("ingest"), attacks.memory_mb(site)
    with attacks.mqtt_line(site, "gw-2") as line:
        line.sendall(attacks.subscribe("tf/1/gw-2/down/ack"))
        assert line.recv(5)[:1] == b"\x90"
        for _ in range(200):
            ingest.client.publish("tf/1/gw-2/down/ack", bytes(100 * 1024), 1)
        wait_until(lambda: ingest.published >= 200 or ingest.gone, "20 MB for nobody")
        assert goes_on(site)
        assert attacks.memory_mb(site) - before < 128


def check_silence(site: Site, bare: int, shaken: int) -> None:
    """So many lines that say nothing, and so many that say nothing after the handshake."""
    tls = site.tls("gw-2")
    files_ = (str(tls.ca_file), str(tls.certificate_file), str(tls.private_key_file))
    numbers = (str(site.broker.port), str(bare), str(shaken))
    script = str(Path(__file__).with_name("silent_lines.py"))
    with subprocess.Popen(
        [sys.executable, script, *numbers, *files_], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        assert goes_on(site)
        assert child.poll() is None


def test_a_thousand_silent_connections_hold_nobody_up(site: Site) -> None:
    check_silence(site, 950, 50)


@pytest.mark.faults
def test_ten_thousand_silent_connections_hold_nobody_up(site: Site) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 12_000:
        pytest.skip(f"a process may have {hard} files open here")
    check_silence(site, 9_500, 500)


def test_nonsense_on_the_line_ends_the_line_and_nothing_else(site: Site) -> None:
    dice = random.Random(5)
    for round_ in range(20):
        opened = attacks.mqtt_line if round_ % 2 else attacks.tls_line
        with opened(site, "gw-2") as line, contextlib.suppress(OSError):
            line.sendall(dice.randbytes(dice.randrange(1, 400)))
    assert goes_on(site)


def test_a_gateway_s_records_arrive_though_the_broker_is_killed(site: Site, tmp_path: Path) -> None:
    ride = Ride(site, tmp_path)
    try:
        ride.fill(20)
        ride.wait_for_all()
        ride.backend.lose, ride.backend.repeat = 0.3, 0.3
        ride.fill(40)
        site.broker.kill()
        ride.fill(40)
        site.broker.start()
        ride.backend.lose = 0.0
        ride.wait_for_all()
        ride.check()
    finally:
        ride.close()


def test_a_relay_that_tears_and_cuts_the_line_loses_and_doubles_nothing(
    site: Site, tmp_path: Path
) -> None:
    seed = int(os.environ.get("TRIFLEET_SEED", random.randrange(1 << 32)))
    print("TRIFLEET_SEED", seed)
    relay = HostileRelay(site.broker.port, seed)
    ride = Ride(site, tmp_path, relay.port)
    try:
        ride.backend.random = random.Random(seed)
        ride.backend.lose, ride.backend.repeat = 0.2, 0.2
        rounds = 0
        while rounds < 5 or relay.cuts < 2:
            ride.fill(10)
            attacks.settle(0.2)
            rounds += 1
            assert rounds < 150, "the line was never cut"
        relay.calm.set()
        ride.backend.lose = 0.0
        ride.wait_for_all()
        ride.check()
    finally:
        ride.close()
        relay.close()


def ingest_adapter(site: Site, name: str, group: str | None) -> MqttAdapter:
    party = site.party(name)
    tls = MqttTlsOfBackend(party.ca_file, party.certificate_file, party.private_key_file)
    return MqttAdapter(MqttSettings("127.0.0.1", site.broker.port, name, tls=tls, group=group))


def statements_of(name: str, worker: MqttAdapter) -> list[bytes]:
    found = worker.receive(100, 0.5, 0.1)
    return [one.payload for one in found if (one.gateway, one.name) == (name, "up/statement")]


def test_workers_of_a_group_share_what_comes_on_mosquitto_alone(site: Site) -> None:
    """nats-server refuses the subscription, which ends the worker; RabbitMQ ends its connection."""
    group = "workers-0123456789abcdef"
    workers = [ingest_adapter(site, name, group) for name in ("ingest-3", "ingest-4")]
    own, got = site.join("gw-8"), [list[bytes](), list[bytes]()]
    try:
        if site.kind == EMBEDDED:
            with pytest.raises(BrokerRefusedError, match=r"\$share"):
                wait_until(lambda: workers[0].receive(1, 0.1, 0.0), "the refusal")
            return
        attacks.settle(1.0)
        for number in range(20):
            assert own.publish("tf/1/gw-8/up/statement", b"%d" % number)
        attacks.settle(0.5)
        for index, worker in enumerate(workers):
            got[index] = statements_of("gw-8", worker)
    finally:
        for worker in workers:
            worker.close()
    if site.kind == MOSQUITTO:
        assert all(got)
        assert sorted(got[0] + got[1]) == sorted(b"%d" % number for number in range(20))
    else:
        assert got == [[], []]


@pytest.mark.only(MOSQUITTO)
def test_who_does_not_know_the_group_takes_nothing_out_of_it(site: Site) -> None:
    worker = ingest_adapter(site, "ingest-3", "workers-0123456789abcdef")
    try:
        attacks.settle(0.5)
        thief = site.join("gw-9")
        for guess in ("workers", "workers-0123456789abcde0", "ingest"):
            thief.subscribe(f"$share/{guess}/tf/1/+/up/#")
        own = site.join("gw-8")
        for number in range(20):
            assert own.publish("tf/1/gw-8/up/statement", b"%d" % number)
        attacks.settle(0.5)
        assert len(statements_of("gw-8", worker)) == 20
        assert thief.payloads() == []
    finally:
        worker.close()


@pytest.mark.only(RABBITMQ)
def test_the_ingest_s_queue_holds_what_gateways_send_and_pushes_back(site: Site) -> None:
    assert isinstance(site.broker, RabbitMq)
    own = site.join("gw-8")
    with amqp_channel(site, "ingest") as channel:
        channel.queue_purge(UP_QUEUE)
        assert own.publish("tf/1/gw-8/up/statement", b"statement")
        for _ in range(DELIVERY_LIMIT + 1):
            method, _, body = channel.basic_get(UP_QUEUE)
            assert (method.routing_key, body) == ("tf.1.gw-8.up.statement", b"statement")
            channel.basic_nack(method.delivery_tag, requeue=True)
        wait_until(lambda: channel.basic_get(DEAD_QUEUE)[2] == b"statement", "the poison set aside")
        assert channel.basic_get(UP_QUEUE)[0] is None
        site.broker.control("set_policy", "tiny", "^trifleet\\.up$", '{"max-length": 5}')
        # What finds no room is not acknowledged, so its gateway keeps it.
        wait_until(lambda: not own.publish("tf/1/gw-8/up/statement", b"more"), "a full queue")
        site.broker.control("clear_policy", "tiny")
        channel.queue_purge(UP_QUEUE)
    with pytest.raises(pika.exceptions.AMQPError), amqp_channel(site, "gw-8") as channel:
        channel.basic_get(UP_QUEUE)  # what others say is not a gateway's to read
